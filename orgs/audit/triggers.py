"""What writes the audit: triggers on the tables that people manage, so that nothing is forgotten.

A migration says `Audited(table, kind)` for each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

# What says nothing that an entry does not say itself, or that nobody has changed.
NOISE = ("updated_at", "last_used_at", "last_login")

# A JSON object that may hold secrets, without them: of a URL, who logs in and the query, and of
# headers, all values. What it was before tells which of them changed.
MASK = r"""
CREATE OR REPLACE FUNCTION waybill_masked(entire jsonb, former jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(jsonb_object_agg(name, CASE
    WHEN name = 'headers' AND jsonb_typeof(part) = 'object' THEN (
      SELECT coalesce(jsonb_object_agg(header, CASE
        WHEN said IS NOT DISTINCT FROM former->'headers'->header THEN 'hidden' ELSE 'changed' END
      ), '{}') FROM jsonb_each(part) AS headers(header, said))
    WHEN name = 'headers' THEN to_jsonb(mask)
    WHEN jsonb_typeof(part) = 'string' AND part#>>'{}' ~ '^[^/?#]+://' THEN to_jsonb(regexp_replace(
      regexp_replace(part#>>'{}', '^([^/?#]+://)[^/?#]*@', '\1' || mask || '@'),
      '[?#].*', '?' || mask))
    ELSE part END), '{}')
  FROM jsonb_each(CASE WHEN jsonb_typeof(entire) = 'object' THEN entire END) AS parts(name, part),
    LATERAL (SELECT CASE WHEN part IS NOT DISTINCT FROM former->name THEN 'hidden'
      ELSE 'changed' END) AS masks(mask)
$$
"""
# Its arguments: the kind in the API's words; the column that names the row, and the one that names
# its organization; columns that are secret, those of no interest, the only ones of interest if any,
# and those of JSON that is masked.
WRITE = """
CREATE OR REPLACE FUNCTION waybill_audit() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
DECLARE
  kind CONSTANT text := TG_ARGV[0];
  key CONSTANT text := TG_ARGV[1];
  hidden CONSTANT text[] := TG_ARGV[3]::text[];
  ignored CONSTANT text[] := TG_ARGV[4]::text[] || key;
  chosen CONSTANT text[] := TG_ARGV[5]::text[];
  masked CONSTANT text[] := TG_ARGV[6]::text[];
  former jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
  latter jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
  entire CONSTANT jsonb := coalesce(latter, former);
  actor jsonb := nullif(current_setting('waybill.actor', true), '');
  is_gone CONSTANT boolean := latter->>'deleted_at' IS NOT NULL;
  was_gone CONSTANT boolean := former->>'deleted_at' IS NOT NULL;
BEGIN
  SELECT
    jsonb_object_agg(name, CASE
      WHEN name = ANY (masked) THEN waybill_masked(was.value, was.value) ELSE was.value END
    ) FILTER (WHERE was.value IS NOT NULL AND name <> ALL (hidden)),
    jsonb_object_agg(name, CASE
      WHEN name = ANY (hidden) THEN '"changed"'
      WHEN name = ANY (masked) THEN waybill_masked(is_.value, was.value) ELSE is_.value END
    ) FILTER (WHERE is_.value IS NOT NULL)
  INTO former, latter
  FROM jsonb_each(former - ignored) AS was(name, value)
  FULL JOIN jsonb_each(latter - ignored) AS is_(name, value) USING (name)
  WHERE was.value IS DISTINCT FROM is_.value
    AND (chosen = '{}' OR name = ANY (chosen))
    -- Of a new row, what it has.
    AND (TG_OP <> 'INSERT' OR is_.value NOT IN ('null', '""', '{}', '[]'));
  IF former IS NULL AND latter IS NULL THEN
    RETURN NULL;
  END IF;
  actor := coalesce(actor, jsonb_build_object(
    'actor', format('%s (%s)', session_user, current_setting('application_name')),
    'via', 'database', 'address', coalesce(host(inet_client_addr()), ''), 'path', ''));
  INSERT INTO orgs_auditentry
    (org_id, actor, via, user_id, key_id, address, path, kind, row_id, event, before, after)
  VALUES (
    (entire->>TG_ARGV[2])::bigint, actor->>'actor', actor->>'via', (actor->>'user_id')::bigint,
    (actor->>'key_id')::bigint, coalesce(actor->>'address', ''), coalesce(actor->>'path', ''),
    kind, entire->>key,
    CASE WHEN TG_OP = 'INSERT' THEN 'created' WHEN TG_OP = 'DELETE' THEN 'deleted'
         WHEN is_gone AND NOT was_gone THEN 'deleted' WHEN was_gone AND NOT is_gone THEN 'restored'
         ELSE 'updated' END,
    former, latter);
  RETURN NULL;
END $$
"""
REFUSE = """
CREATE OR REPLACE FUNCTION waybill_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$
"""
# Whatever a session says of itself (`session_replication_role`), these hold.
PROTECT = """
CREATE OR REPLACE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON orgs_auditentry
  FOR EACH STATEMENT EXECUTE FUNCTION waybill_append_only();
CREATE OR REPLACE TRIGGER audit_never_emptied BEFORE TRUNCATE ON orgs_auditentry
  FOR EACH STATEMENT EXECUTE FUNCTION waybill_append_only();
ALTER TABLE orgs_auditentry ENABLE ALWAYS TRIGGER audit_append_only;
ALTER TABLE orgs_auditentry ENABLE ALWAYS TRIGGER audit_never_emptied;
"""
INSTALL = f"{MASK};\n{WRITE};\n{REFUSE};\n{PROTECT}"
UNINSTALL = """
DROP TRIGGER audit_append_only ON orgs_auditentry;
DROP TRIGGER audit_never_emptied ON orgs_auditentry;
DROP FUNCTION waybill_append_only();
DROP FUNCTION waybill_audit();
DROP FUNCTION waybill_masked(jsonb, jsonb);
"""
TRIGGERS = ("audited_insert", "audited_update", "audited_delete")


class Audited(Operation):
    """Every change of the table's rows is written to the audit, `kind` being its API's word.

    Values of `hide` are never written, only that they changed; those of `mask` are JSON objects,
    which are written without the secrets of their URLs and headers. Changes of `ignore` alone are
    none. Where there is an `only`, other columns are no matter, and cost nothing. `when` narrows
    what is written of updates (an SQL condition on OLD and NEW). `org` names the column with the
    organization's id: a table without it belongs to none.
    """

    reversible = True
    reduces_to_sql = True

    def __init__(  # noqa: PLR0913 -- one declaration, all by keyword
        self,
        table: str,
        kind: str,
        *,
        hide: Sequence[str] = (),
        mask: Sequence[str] = (),
        ignore: Sequence[str] = (),
        only: Sequence[str] = (),
        when: str = "",
        key: str = "id",
        org: str = "org_id",
    ) -> None:
        self.table = table
        self.only = only
        self.when = when
        lists = (hide, (*NOISE, *ignore), only, mask)
        self.arguments = ", ".join(
            f"'{text}'" for text in (kind, key, org, *(f"{{{','.join(one)}}}" for one in lists))
        )

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Models know nothing of it."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Make the triggers."""
        columns = f" OF {', '.join(self.only)}" if self.only else ""
        given = " OR ".join(f"NEW.{name} IS NOT NULL" for name in self.only)
        events = ("INSERT", given), (f"UPDATE{columns}", self.when), ("DELETE", "")
        for name, (event, condition) in zip(TRIGGERS, events, strict=True):
            when = f"WHEN ({condition})" if condition else ""
            schema_editor.execute(
                f"CREATE OR REPLACE TRIGGER {name} AFTER {event} ON {self.table} "
                f"FOR EACH ROW {when} EXECUTE FUNCTION waybill_audit({self.arguments})"
            )

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: Any,
        to_state: Any,
    ) -> None:
        """Drop them."""
        for name in TRIGGERS:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name} ON {self.table}")

    def describe(self) -> str:
        """What `migrate --plan` says of it."""
        return f"Audit {self.table}"
