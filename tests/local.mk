# The Python tests: SMTP conversations through a fake MTA, a real Postfix and a
# real Sendmail.  STEELYARD_MTAS=fake in the environment leaves the real ones
# out; they need root.
AM_TESTS_ENVIRONMENT = PYTHON3='$(PYTHON3)'; export PYTHON3;
TESTS += tests/run-pytest
EXTRA_DIST += tests/run-pytest tests/conftest.py tests/lib tests/mta \
	tests/talks tests/fuzz/seeds/milter

# Folders are copied as they are; Python's caches are nobody's business.
dist-hook:
	find $(distdir) -name __pycache__ -prune -exec rm -rf {} +
