"""Onboarding: plans, their steps, and people who go through one."""

import sqlalchemy as sa
from alembic import op

from feedserver.store.base import Instant

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "onboarding_plans",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("working_days", sa.Boolean(), nullable=False),
        sa.Column("archived_at", Instant(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_onboarding_plans_organisation_id_organisations"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_onboarding_plans")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("onboarding_plans", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_onboarding_plans_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "onboarding_steps",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("plan_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("course_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("live_session_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint("kind IN ('note', 'session', 'completion')", name=op.f("ck_onboarding_steps_kind")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_onboarding_steps_organisation_id_organisations"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["onboarding_plans.id"], name=op.f("fk_onboarding_steps_plan_id_onboarding_plans"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_onboarding_steps")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("onboarding_steps", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_onboarding_steps_plan_id"), ["plan_id"], unique=False)

    op.create_table(
        "onboardings",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("plan_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("learner_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["learner_id"], ["learners.id"], name=op.f("fk_onboardings_learner_id_learners"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_onboardings_organisation_id_organisations"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["onboarding_plans.id"], name=op.f("fk_onboardings_plan_id_onboarding_plans"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_onboardings")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("onboardings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_onboardings_learner_id"), ["learner_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_onboardings_organisation_id"), ["organisation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_onboardings_plan_id"), ["plan_id"], unique=False)
        batch_op.create_index(
            "uq_onboardings_running",
            ["plan_id", "learner_id"],
            unique=True,
            postgresql_where=sa.text("ended_at IS NULL"),
            sqlite_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "onboarding_items",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("onboarding_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("learner_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("course_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("fixed", sa.Boolean(), nullable=False),
        sa.Column("live_session_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("ours", sa.Boolean(), nullable=False),
        sa.Column("done_at", Instant(), nullable=True),
        sa.Column("done_by", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('note', 'session', 'completion')", name=op.f("ck_onboarding_items_kind")),
        sa.CheckConstraint("state IN ('open', 'done', 'ended')", name=op.f("ck_onboarding_items_state")),
        sa.ForeignKeyConstraint(["learner_id"], ["learners.id"], name=op.f("fk_onboarding_items_learner_id_learners"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["onboarding_id"], ["onboardings.id"], name=op.f("fk_onboarding_items_onboarding_id_onboardings"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_onboarding_items_organisation_id_organisations"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_onboarding_items")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("onboarding_items", schema=None) as batch_op:
        batch_op.create_index("ix_onboarding_items_course", ["learner_id", "course_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_onboarding_items_live_session_id"), ["live_session_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_onboarding_items_onboarding_id"), ["onboarding_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("onboarding_items", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_onboarding_items_onboarding_id"))
        batch_op.drop_index(batch_op.f("ix_onboarding_items_live_session_id"))
        batch_op.drop_index("ix_onboarding_items_course")

    op.drop_table("onboarding_items")
    with op.batch_alter_table("onboardings", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_onboardings_running", postgresql_where=sa.text("ended_at IS NULL"), sqlite_where=sa.text("ended_at IS NULL")
        )
        batch_op.drop_index(batch_op.f("ix_onboardings_plan_id"))
        batch_op.drop_index(batch_op.f("ix_onboardings_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_onboardings_learner_id"))

    op.drop_table("onboardings")
    with op.batch_alter_table("onboarding_steps", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_onboarding_steps_plan_id"))

    op.drop_table("onboarding_steps")
    with op.batch_alter_table("onboarding_plans", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_onboarding_plans_organisation_id"))

    op.drop_table("onboarding_plans")
