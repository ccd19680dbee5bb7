from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

OPEN = ("queued", "scheduled", "held", "running", "ack_wait")
STATUSES = [*OPEN, "succeeded", "failed", "canceled"]
KNOWN = models.Q(("status__in", STATUSES))
COMPLETED = models.Q(
    models.Q(("completed_at", None), ("status__in", OPEN)),
    models.Q(models.Q(("status__in", OPEN), _negated=True), ("completed_at__isnull", False)),
    _connector="OR",
)
# One statement, so that the rules hold at every moment; what is stored keeps them by the former
# ones, so that nobody waits for a look at all of it. Each may be run again.
RULES = """
ALTER TABLE dispatch_actionrecord
  DROP CONSTRAINT IF EXISTS record_status_known,
  DROP CONSTRAINT IF EXISTS record_completed_when_over,
  ADD CONSTRAINT record_status_known CHECK (status IN ({statuses})) NOT VALID,
  ADD CONSTRAINT record_completed_when_over CHECK (
    (completed_at IS NULL AND status IN ({open}))
    OR (NOT (status IN ({open})) AND completed_at IS NOT NULL)) NOT VALID
"""
VALIDATE = """
ALTER TABLE dispatch_actionrecord
  VALIDATE CONSTRAINT record_status_known,
  VALIDATE CONSTRAINT record_completed_when_over
"""


def rules(open_statuses):
    listed = ", ".join(f"'{status}'" for status in open_statuses)
    return RULES.format(
        open=listed, statuses=f"{listed}, 'succeeded', 'failed', 'canceled'"
    )


class Migration(migrations.Migration):
    """Actions that wait for approval, and those that are tried once; writes go on meanwhile."""

    atomic = False

    dependencies = [
        ("dispatch", "0006_pullable"),
    ]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE dispatch_actionrecord "
            "ADD COLUMN IF NOT EXISTS once boolean DEFAULT false NOT NULL",
            "ALTER TABLE dispatch_actionrecord DROP COLUMN IF EXISTS once",
            state_operations=[
                migrations.AddField(
                    model_name="actionrecord",
                    name="once",
                    field=models.BooleanField(
                        db_default=False,
                        help_text="Whether its first attempt is its last: somebody waits for it.",
                    ),
                ),
            ],
        ),
        migrations.RunSQL(
            [rules(OPEN), VALIDATE],
            rules(status for status in OPEN if status != "held"),
            state_operations=[
                migrations.RemoveConstraint(
                    model_name="actionrecord", name="record_status_known"
                ),
                migrations.RemoveConstraint(
                    model_name="actionrecord", name="record_completed_when_over"
                ),
                migrations.AddConstraint(
                    model_name="actionrecord",
                    constraint=models.CheckConstraint(
                        condition=KNOWN, name="record_status_known"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="actionrecord",
                    constraint=models.CheckConstraint(
                        condition=COMPLETED, name="record_completed_when_over"
                    ),
                ),
            ],
        ),
        # What a run that was broken off has left of it is of no use.
        migrations.RunSQL(
            "DROP INDEX CONCURRENTLY IF EXISTS record_held", migrations.RunSQL.noop
        ),
        AddIndexConcurrently(
            model_name="actionrecord",
            index=models.Index(
                condition=models.Q(("status", "held")), fields=["lane", "id"], name="record_held"
            ),
        ),
        migrations.AlterModelOptions(
            name="actionrecord",
            options={
                "ordering": ("-id",),
                "permissions": (
                    ("approve_actionrecord", "Can approve and deny held actions"),
                ),
            },
        ),
        migrations.AlterField(
            model_name="actionrecord",
            name="status",
            field=models.CharField(
                choices=[
                    ("queued", "Queued"),
                    ("scheduled", "Scheduled"),
                    ("held", "Held"),
                    ("running", "Running"),
                    ("ack_wait", "Ack Wait"),
                    ("succeeded", "Succeeded"),
                    ("failed", "Failed"),
                    ("canceled", "Canceled"),
                ],
                max_length=9,
            ),
        ),
        migrations.AlterField(
            model_name="actionevent",
            name="status",
            field=models.CharField(
                choices=[
                    ("queued", "Queued"),
                    ("scheduled", "Scheduled"),
                    ("held", "Held"),
                    ("running", "Running"),
                    ("ack_wait", "Ack Wait"),
                    ("succeeded", "Succeeded"),
                    ("failed", "Failed"),
                    ("canceled", "Canceled"),
                ],
                max_length=9,
            ),
        ),
        migrations.AlterField(
            model_name="actionevent",
            name="kind",
            field=models.CharField(
                choices=[
                    ("accepted", "Accepted"),
                    ("sunk", "kept by a default sink"),
                    ("held", "held, waiting for approval"),
                    ("approved", "Approved"),
                    ("denied", "Denied"),
                    ("approval_expired", "nobody approved it in time"),
                    ("not_deliverable", "the destination's type was not delivered"),
                    ("pulled", "pulled, waiting for its settlement"),
                    ("delivered", "delivered, waiting for its settlement"),
                    ("succeeded", "Succeeded"),
                    ("nacked", "Nacked"),
                    ("retried", "failed attempt, to be retried"),
                    ("failed", "Failed"),
                    ("extended", "settlement deadline moved"),
                    ("unsettled", "settlement deadline passed"),
                    ("lease_expired", "dispatcher lost"),
                    ("deadline_exceeded", "Deadline Exceeded"),
                    ("late", "late outcome, nothing changed"),
                    ("canceled", "Canceled"),
                    ("replayed", "Replayed"),
                ],
                max_length=17,
            ),
        ),
    ]
