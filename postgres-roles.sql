-- The least rights of each role in a group on PostgreSQL. Run it once, as the user that owns the
-- schema and after `divider init` has created it:
--
--     psql -v ON_ERROR_STOP=1 -f postgres-roles.sql postgres://owner@host/app
--     psql -v ON_ERROR_STOP=1 -v schema=other -f postgres-roles.sql postgres://owner@host/app
--
-- The user needs the right to create roles. Then grant a role to each login:
--
--     GRANT divider_node TO orders_service;
--
-- A role holds for all groups of the schema. Groups that must not touch each other get a schema
-- each, and roles of other names. Creating and deleting groups is left to the owner of the schema.
\if :{?schema}
\else
\set schema divider
\endif

-- Nodes and operators: everything but creating and deleting groups.
CREATE ROLE divider_node NOLOGIN;
-- Announces and retracts keys, and changes nothing else.
CREATE ROLE divider_announcer NOLOGIN;
-- Sees everything and changes nothing.
CREATE ROLE divider_viewer NOLOGIN;

GRANT USAGE ON SCHEMA :"schema" TO divider_node, divider_announcer, divider_viewer;
GRANT SELECT ON :"schema".schema_version, :"schema".groups, :"schema".records, :"schema".history
    TO divider_node, divider_announcer, divider_viewer;
GRANT SELECT ON :"schema".checkpoints TO divider_node, divider_viewer;

GRANT INSERT, UPDATE, DELETE ON :"schema".records, :"schema".checkpoints TO divider_node;
GRANT INSERT, DELETE ON :"schema".history TO divider_node;
GRANT UPDATE (last, timeline, bytes, swept, swept_at) ON :"schema".groups TO divider_node;
GRANT USAGE ON SEQUENCE :"schema".checkpoint_revisions TO divider_node;

GRANT INSERT, UPDATE ON :"schema".records TO divider_announcer;
GRANT UPDATE (last, timeline, bytes) ON :"schema".groups TO divider_announcer;

-- What an announcer may write is told by the names of the records.
ALTER TABLE :"schema".records ENABLE ROW LEVEL SECURITY;
CREATE POLICY divider_view ON :"schema".records FOR SELECT
    TO divider_node, divider_announcer, divider_viewer USING (true);
CREATE POLICY divider_node ON :"schema".records TO divider_node USING (true) WITH CHECK (true);
CREATE POLICY divider_announce ON :"schema".records FOR INSERT
    TO divider_announcer WITH CHECK (starts_with(name, 'key.'));
CREATE POLICY divider_announce_again ON :"schema".records FOR UPDATE
    TO divider_announcer USING (starts_with(name, 'key.')) WITH CHECK (starts_with(name, 'key.'));
