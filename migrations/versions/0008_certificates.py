"""Certificates, their kinds, and warnings of their end."""

import sqlalchemy as sa
from alembic import op

from feedserver.store.base import Instant

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "certificate_kinds",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("validity_months", sa.Integer(), nullable=True),
        sa.Column("course_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("renewal_course_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reminder_days", sa.JSON(), nullable=False),
        sa.Column("notify_days", sa.JSON(), nullable=False),
        sa.Column("looked_at", Instant(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_certificate_kinds_course_id_courses"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_certificate_kinds_organisation_id_organisations"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["renewal_course_id"], ["courses.id"], name=op.f("fk_certificate_kinds_renewal_course_id_courses"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate_kinds")),
        sa.UniqueConstraint("organisation_id", "name", name=op.f("uq_certificate_kinds_organisation_id_name")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("certificate_kinds", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_certificate_kinds_course_id"), ["course_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_certificate_kinds_renewal_course_id"), ["renewal_course_id"], unique=False)

    op.create_table(
        "certificates",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("learner_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("awarded_on", sa.Date(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("noted_on", sa.Date(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("completion_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("renewed_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.Column("revoked_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("batch", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint("source IN ('button', 'csv', 'api', 'attendance', 'learner', 'system')", name=op.f("ck_certificates_source")),
        sa.ForeignKeyConstraint(
            ["kind_id"], ["certificate_kinds.id"], name=op.f("fk_certificates_kind_id_certificate_kinds"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["learner_id"], ["learners.id"], name=op.f("fk_certificates_learner_id_learners"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_certificates_organisation_id_organisations"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificates")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("certificates", schema=None) as batch_op:
        batch_op.create_index("ix_certificates_batch", ["batch"], unique=False)
        batch_op.create_index(batch_op.f("ix_certificates_completion_id"), ["completion_id"], unique=False)
        batch_op.create_index("ix_certificates_ends", ["kind_id", "expires_on"], unique=False)
        batch_op.create_index("ix_certificates_learner", ["learner_id", "kind_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_certificates_organisation_id"), ["organisation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_certificates_renewed_by"), ["renewed_by"], unique=False)

    op.create_table(
        "certificate_warnings",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("certificate_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("today", sa.Date(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("batch", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificates.id"], name=op.f("fk_certificate_warnings_certificate_id_certificates"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.id"],
            name=op.f("fk_certificate_warnings_organisation_id_organisations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate_warnings")),
        sa.UniqueConstraint("certificate_id", "days", "recipient", name=op.f("uq_certificate_warnings_certificate_id_days_recipient")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("certificate_warnings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_certificate_warnings_batch"), ["batch"], unique=False)
        batch_op.create_index(batch_op.f("ix_certificate_warnings_organisation_id"), ["organisation_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("certificate_warnings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_certificate_warnings_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_certificate_warnings_batch"))

    op.drop_table("certificate_warnings")
    with op.batch_alter_table("certificates", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_certificates_renewed_by"))
        batch_op.drop_index(batch_op.f("ix_certificates_organisation_id"))
        batch_op.drop_index("ix_certificates_learner")
        batch_op.drop_index("ix_certificates_ends")
        batch_op.drop_index(batch_op.f("ix_certificates_completion_id"))
        batch_op.drop_index("ix_certificates_batch")

    op.drop_table("certificates")
    with op.batch_alter_table("certificate_kinds", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_certificate_kinds_renewal_course_id"))
        batch_op.drop_index(batch_op.f("ix_certificate_kinds_course_id"))

    op.drop_table("certificate_kinds")
