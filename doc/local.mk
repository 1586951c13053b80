dist_man_MANS += doc/steelyard.8 doc/steelyard.conf.5 doc/steelyard-rules.5 \
	doc/steelyardctl.8 doc/steelyard-postmaster.7

# The tree checks itself: silent when all is well.
TESTS += tests/check-layers tests/check-headers tests/check-docs
EXTRA_DIST += tests/check-layers tests/check-headers tests/check-docs \
	tests/fuzz/run tests/tsan.supp bootstrap .clang-format
