"""Reminders, weekly mails, and who wants neither."""

import sqlalchemy as sa
from alembic import op

from feedserver.store.base import Instant

revision = "0007"
down_revision = "0005"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_COLUMNS = {
    "organisations": (
        sa.Column("reminders", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("manager_digest", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("reminders_looked_at", Instant(), nullable=True),
    ),
    "courses": (sa.Column("reminders", sa.JSON(none_as_null=True), nullable=True),),
    "live_sessions": (sa.Column("reminders", sa.JSON(none_as_null=True), nullable=True),),
    "learners": (
        sa.Column("reminders_off_at", Instant(), nullable=True),
        sa.Column("digest", sa.Text(), server_default="none", nullable=False),
    ),
    "mail_skeletons": (sa.Column("live_session_id", _ID, nullable=True),),
}


def upgrade() -> None:
    op.create_table(
        "reminder_rounds",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("live_session_id", _ID, nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("starts_at", Instant(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("batch", _ID, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["live_session_id"], ["live_sessions.id"], name=op.f("fk_reminder_rounds_live_session_id_live_sessions"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_reminder_rounds_organisation_id_organisations"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminder_rounds")),
        sa.UniqueConstraint(
            "live_session_id", "rule", "starts_at", "timezone", name=op.f("uq_reminder_rounds_live_session_id_rule_starts_at_timezone")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_reminder_rounds_batch"), "reminder_rounds", ["batch"])
    op.create_index(op.f("ix_reminder_rounds_organisation_id"), "reminder_rounds", ["organisation_id"])
    op.create_table(
        "reminders",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("enrolment_id", _ID, nullable=False),
        sa.Column("round_id", _ID, nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("starts_at", Instant(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolments.id"], name=op.f("fk_reminders_enrolment_id_enrolments"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["round_id"], ["reminder_rounds.id"], name=op.f("fk_reminders_round_id_reminder_rounds"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminders")),
        sa.UniqueConstraint("enrolment_id", "rule", "starts_at", name=op.f("uq_reminders_enrolment_id_rule_starts_at")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_reminders_round_id"), "reminders", ["round_id"])
    op.create_table(
        "weekly_mails",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("reader", sa.Text(), nullable=False),
        sa.Column("monday", sa.Date(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("delivery_id", _ID, nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_weekly_mails_organisation_id_organisations"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_weekly_mails")),
        sa.UniqueConstraint("organisation_id", "reader", "monday", name=op.f("uq_weekly_mails_organisation_id_reader_monday")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "manager_opt_outs",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("address_key", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_manager_opt_outs_organisation_id_organisations"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manager_opt_outs")),
        sa.UniqueConstraint("organisation_id", "address_key", name=op.f("uq_manager_opt_outs_organisation_id_address_key")),
        sqlite_autoincrement=True,
    )
    for table, columns in _COLUMNS.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column in columns:
                batch_op.add_column(column._copy())


def downgrade() -> None:
    for table, columns in _COLUMNS.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column in reversed(columns):
                batch_op.drop_column(column.name)
    for table in ("manager_opt_outs", "weekly_mails", "reminders", "reminder_rounds"):
        op.drop_table(table)
