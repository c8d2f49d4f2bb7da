"""Destinations (CalDAV, webhooks, chat), what stands in collections, lanes of deliveries."""

import sqlalchemy as sa
from alembic import op

from feedserver.store.base import Instant

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "destinations",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("rest_until", Instant(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("problem_at", Instant(), nullable=True),
        sa.Column("told_at", Instant(), nullable=True),
        sa.Column("last_ok_at", Instant(), nullable=True),
        sa.Column("checked_at", Instant(), nullable=True),
        sa.Column("report", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("channel IN ('caldav', 'webhook', 'chat')", name=op.f("ck_destinations_channel")),
        sa.CheckConstraint("state IN ('active', 'paused', 'broken', 'leaving')", name=op.f("ck_destinations_state")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_destinations_organisation_id_organisations"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destinations")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("destinations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_destinations_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "published_objects",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("destination_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("live_session_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("href", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("queued_digest", sa.Text(), nullable=True),
        sa.Column("revision_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("edited_at", Instant(), nullable=True),
        sa.Column("at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["destination_id"], ["destinations.id"], name=op.f("fk_published_objects_destination_id_destinations"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_published_objects_organisation_id_organisations"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_published_objects")),
        sa.UniqueConstraint("destination_id", "live_session_id", name=op.f("uq_published_objects_destination_id_live_session_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("published_objects", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_published_objects_live_session_id"), ["live_session_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_published_objects_organisation_id"), ["organisation_id"], unique=False)

    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.add_column(sa.Column("destination_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        batch_op.add_column(sa.Column("lane", sa.Text(), nullable=True))
        batch_op.drop_index(batch_op.f("ix_deliveries_due"), sqlite_where=sa.text("state IN ('queued', 'deferred')"))
        batch_op.create_index(
            "ix_deliveries_destination",
            ["destination_id", "id"],
            unique=False,
            postgresql_where=sa.text("destination_id IS NOT NULL"),
            sqlite_where=sa.text("destination_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_deliveries_due_elsewhere",
            ["destination_id", "id"],
            unique=False,
            postgresql_where=sa.text("state IN ('queued', 'deferred') AND destination_id IS NOT NULL"),
            sqlite_where=sa.text("state IN ('queued', 'deferred') AND destination_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_deliveries_due_mail",
            ["due_at", "id"],
            unique=False,
            postgresql_where=sa.text("state IN ('queued', 'deferred') AND channel = 'mail'"),
            sqlite_where=sa.text("state IN ('queued', 'deferred') AND channel = 'mail'"),
        )
        batch_op.create_index(
            "ix_deliveries_open_lane",
            ["lane", "due_at"],
            unique=False,
            postgresql_where=sa.text("state IN ('queued', 'sending', 'deferred') AND lane IS NOT NULL"),
            sqlite_where=sa.text("state IN ('queued', 'sending', 'deferred') AND lane IS NOT NULL"),
        )

    with op.batch_alter_table("organisations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("caldav_listeners", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("webhook_listeners", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("chat_listeners", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("organisations", schema=None) as batch_op:
        batch_op.drop_column("chat_listeners")
        batch_op.drop_column("webhook_listeners")
        batch_op.drop_column("caldav_listeners")

    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_deliveries_open_lane",
            postgresql_where=sa.text("state IN ('queued', 'sending', 'deferred') AND lane IS NOT NULL"),
            sqlite_where=sa.text("state IN ('queued', 'sending', 'deferred') AND lane IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_deliveries_due_mail",
            postgresql_where=sa.text("state IN ('queued', 'deferred') AND channel = 'mail'"),
            sqlite_where=sa.text("state IN ('queued', 'deferred') AND channel = 'mail'"),
        )
        batch_op.drop_index(
            "ix_deliveries_due_elsewhere",
            postgresql_where=sa.text("state IN ('queued', 'deferred') AND destination_id IS NOT NULL"),
            sqlite_where=sa.text("state IN ('queued', 'deferred') AND destination_id IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_deliveries_destination",
            postgresql_where=sa.text("destination_id IS NOT NULL"),
            sqlite_where=sa.text("destination_id IS NOT NULL"),
        )
        batch_op.create_index(
            batch_op.f("ix_deliveries_due"),
            ["due_at", "id"],
            unique=False,
            postgresql_where=sa.text("state IN ('queued', 'deferred')"),
            sqlite_where=sa.text("state IN ('queued', 'deferred')"),
        )
        batch_op.drop_column("lane")
        batch_op.drop_column("destination_id")

    with op.batch_alter_table("published_objects", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_published_objects_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_published_objects_live_session_id"))

    op.drop_table("published_objects")
    with op.batch_alter_table("destinations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_destinations_organisation_id"))

    op.drop_table("destinations")
