from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    # Made while actions are accepted and delivered: no transaction may be around it.
    atomic = False

    dependencies = [
        ('dispatch', '0002_full_strength'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='actionrecord',
            index=models.Index(condition=models.Q(('status', 'scheduled'), models.Q(('push', False), ('status', 'queued')), _connector='OR'), fields=['lane', 'status', 'available_at'], name='record_waiting'),
        ),
        AddIndexConcurrently(
            model_name='actionrecord',
            index=models.Index(models.F('org'), models.OrderBy(models.F('id'), descending=True), condition=models.Q(('completed_at', None)), name='record_unfinished'),
        ),
    ]
