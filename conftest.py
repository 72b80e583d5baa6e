"""What holds for every test of the repository, those of the addons included."""

import pytest

#: the one reason for which a test may be skipped: its sample files are not in this checkout
ALLOWED_SKIP = "the corpora folder is absent"


def _as_failure(report):
    """Turn an unexpected skip into a failure, so that nobody takes it for a success.

    pytest-odoo skips every HttpCase without --odoo-http, Odoo every browser test without a browser:
    a run that skips them looks green and has tested nothing.
    """
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if ALLOWED_SKIP not in reason:
        report.outcome = "failed"
        report.longrepr = f"unexpected skip: {reason.removeprefix('Skipped: ')}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    report = yield
    _as_failure(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    report = yield
    _as_failure(report)
    return report
