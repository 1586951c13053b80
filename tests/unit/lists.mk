# One test a file of lists/.
if HAVE_CMOCKA
lists_tests = tests/unit/test_ip tests/unit/test_iplist tests/unit/test_hash \
	tests/unit/test_entry tests/unit/test_namelist tests/unit/test_list \
	tests/unit/test_file tests/unit/test_listfile tests/unit/test_suffix tests/unit/test_suffix_missing \
	tests/unit/test_sender_key tests/unit/test_triplet \
	tests/unit/test_greylist tests/unit/test_greylist_record \
	tests/unit/test_greylist_foreign \
	tests/unit/test_greylist_model tests/unit/test_store \
	tests/unit/test_store_entry tests/unit/test_store_memory
check_PROGRAMS += $(lists_tests)
TESTS += $(lists_tests)

lists_test_libs = lists/liblists.a $(PSL_LIBS) $(CMOCKA_LIBS)

tests_unit_test_ip_SOURCES = tests/unit/test_ip.c
tests_unit_test_ip_LDADD = $(lists_test_libs)

tests_unit_test_iplist_SOURCES = tests/unit/test_iplist.c
tests_unit_test_iplist_LDADD = $(lists_test_libs)

tests_unit_test_hash_SOURCES = tests/unit/test_hash.c
tests_unit_test_hash_LDADD = $(lists_test_libs)

tests_unit_test_entry_SOURCES = tests/unit/test_entry.c
tests_unit_test_entry_LDADD = $(lists_test_libs)

tests_unit_test_namelist_SOURCES = tests/unit/test_namelist.c
tests_unit_test_namelist_LDADD = $(lists_test_libs)

tests_unit_test_list_SOURCES = tests/unit/test_list.c
tests_unit_test_list_LDADD = $(lists_test_libs)

# A file is changed between two looks at it, without a clock in the test.
tests_unit_test_file_SOURCES = tests/unit/test_file.c
tests_unit_test_file_LDADD = $(lists_test_libs)
tests_unit_test_file_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fstat \
	-Wl,--wrap=fstat64

tests_unit_test_listfile_SOURCES = tests/unit/test_listfile.c
tests_unit_test_listfile_LDADD = $(lists_test_libs)

tests_unit_test_suffix_missing_SOURCES = tests/unit/test_suffix_missing.c
tests_unit_test_suffix_missing_LDADD = $(lists_test_libs)
tests_unit_test_suffix_missing_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=psl_latest -Wl,--wrap=psl_builtin

tests_unit_test_suffix_SOURCES = tests/unit/test_suffix.c
tests_unit_test_suffix_LDADD = $(lists_test_libs)

tests_unit_test_sender_key_SOURCES = tests/unit/test_sender_key.c
tests_unit_test_sender_key_LDADD = $(lists_test_libs)

tests_unit_test_triplet_SOURCES = tests/unit/test_triplet.c
tests_unit_test_triplet_LDADD = $(lists_test_libs)

tests_unit_test_greylist_SOURCES = tests/unit/test_greylist.c
tests_unit_test_greylist_LDADD = $(lists_test_libs)

tests_unit_test_greylist_record_SOURCES = tests/unit/test_greylist_record.c
tests_unit_test_greylist_record_LDADD = $(lists_test_libs)

tests_unit_test_greylist_foreign_SOURCES = \
	tests/unit/test_greylist_foreign.c
tests_unit_test_greylist_foreign_LDADD = $(lists_test_libs)

# What any store promises; an engine's test brings its own store.
store_contract = tests/unit/store_contract.c tests/unit/store_contract.h \
	tests/unit/store_contract_private.h tests/unit/store_contract_import.c \
	tests/unit/store_contract_look.c tests/unit/store_contract_threads.c \
	tests/unit/store_contract_time.c \
	tests/unit/greylist_diary.c tests/unit/greylist_diary.h

tests_unit_test_store_SOURCES = tests/unit/test_store.c \
	tests/unit/greylist_diary.c tests/unit/greylist_diary.h
tests_unit_test_store_LDADD = $(lists_test_libs)

tests_unit_test_store_entry_SOURCES = tests/unit/test_store_entry.c
tests_unit_test_store_entry_LDADD = $(lists_test_libs)

tests_unit_test_store_memory_SOURCES = tests/unit/test_store_memory.c \
	tests/unit/store_memory.c tests/unit/store_memory.h $(store_contract)
tests_unit_test_store_memory_LDADD = $(lists_test_libs)

# Against a slow one, and with clocks that jump.
tests_unit_test_greylist_model_SOURCES = tests/unit/test_greylist_model.c \
	tests/unit/greylist_diary.c tests/unit/greylist_diary.h
tests_unit_test_greylist_model_LDADD = $(lists_test_libs)

# A store in front of another; without a server.
check_PROGRAMS += tests/unit/test_store_queue tests/unit/test_store_pair
TESTS += tests/unit/test_store_queue tests/unit/test_store_pair
tests_unit_test_store_queue_SOURCES = tests/unit/test_store_queue.c
tests_unit_test_store_queue_LDADD = $(lists_test_libs)
tests_unit_test_store_pair_SOURCES = tests/unit/test_store_pair.c \
	tests/unit/store_memory.c tests/unit/store_memory.h $(store_contract)
tests_unit_test_store_pair_LDADD = $(lists_test_libs)

# On a server that lies.
redis_store = tests/unit/redis_store.c tests/unit/redis_store.h
check_PROGRAMS += tests/unit/test_store_redis_lies
TESTS += tests/unit/test_store_redis_lies
tests_unit_test_store_redis_lies_SOURCES = tests/unit/test_store_redis_lies.c \
	tests/unit/redis_stub.c tests/unit/redis_stub.h $(redis_store)
tests_unit_test_store_redis_lies_LDADD = $(lists_test_libs) $(HIREDIS_LIBS)

# On a server of the test's own.
check_PROGRAMS += tests/unit/test_store_redis
TESTS += tests/unit/test_store_redis
redis_server = tests/unit/redis_server.c tests/unit/redis_server.h \
	$(redis_store)
tests_unit_test_store_redis_SOURCES = tests/unit/test_store_redis.c \
	$(redis_server)
tests_unit_test_store_redis_LDADD = $(lists_test_libs) $(HIREDIS_LIBS)

check_PROGRAMS += tests/unit/test_store_redis_faults
TESTS += tests/unit/test_store_redis_faults
tests_unit_test_store_redis_faults_SOURCES = \
	tests/unit/test_store_redis_faults.c $(redis_server) \
	tests/unit/redis_stub.c tests/unit/redis_stub.h \
	tests/unit/store_memory.c tests/unit/store_memory.h
tests_unit_test_store_redis_faults_LDADD = $(lists_test_libs) $(HIREDIS_LIBS)

check_PROGRAMS += tests/unit/test_store_redis_clock
TESTS += tests/unit/test_store_redis_clock
tests_unit_test_store_redis_clock_SOURCES = \
	tests/unit/test_store_redis_clock.c $(redis_server) \
	tests/unit/redis_stub.c tests/unit/redis_stub.h \
	tests/unit/store_memory.c tests/unit/store_memory.h
tests_unit_test_store_redis_clock_LDADD = $(lists_test_libs) $(HIREDIS_LIBS)

check_PROGRAMS += tests/unit/test_store_redis_contract
TESTS += tests/unit/test_store_redis_contract
tests_unit_test_store_redis_contract_SOURCES = \
	tests/unit/test_store_redis_contract.c $(redis_server) $(store_contract)
tests_unit_test_store_redis_contract_LDADD = $(lists_test_libs) $(HIREDIS_LIBS)
endif

# A store in a file of LMDB's: the contract, the file, its room, who writes and
# what has changed.
if HAVE_CMOCKA
store_lmdb_tests = tests/unit/test_store_lmdb \
	tests/unit/test_store_lmdb_back tests/unit/test_store_lmdb_changes \
	tests/unit/test_store_lmdb_file tests/unit/test_store_lmdb_io \
	tests/unit/test_store_lmdb_pen tests/unit/test_store_lmdb_room
check_PROGRAMS += $(store_lmdb_tests)
TESTS += $(store_lmdb_tests)

lmdb_folder = tests/unit/lmdb_folder.c tests/unit/lmdb_folder.h
tests_unit_test_store_lmdb_SOURCES = tests/unit/test_store_lmdb.c \
	$(lmdb_folder) $(store_contract)
tests_unit_test_store_lmdb_LDADD = $(lists_test_libs) $(STORE_LIBS)
tests_unit_test_store_lmdb_back_SOURCES = \
	tests/unit/test_store_lmdb_back.c $(lmdb_folder)
tests_unit_test_store_lmdb_back_LDADD = $(lists_test_libs) $(STORE_LIBS)
tests_unit_test_store_lmdb_changes_SOURCES = \
	tests/unit/test_store_lmdb_changes.c $(lmdb_folder)
tests_unit_test_store_lmdb_changes_LDADD = $(lists_test_libs) $(STORE_LIBS)
tests_unit_test_store_lmdb_file_SOURCES = \
	tests/unit/test_store_lmdb_file.c $(lmdb_folder)
tests_unit_test_store_lmdb_file_LDADD = $(lists_test_libs) $(STORE_LIBS)
tests_unit_test_store_lmdb_io_SOURCES = \
	tests/unit/test_store_lmdb_io.c $(lmdb_folder)
tests_unit_test_store_lmdb_io_LDADD = $(lists_test_libs) $(STORE_LIBS)
tests_unit_test_store_lmdb_pen_SOURCES = \
	tests/unit/test_store_lmdb_pen.c $(lmdb_folder)
tests_unit_test_store_lmdb_pen_LDADD = $(lists_test_libs) $(STORE_LIBS)
tests_unit_test_store_lmdb_room_SOURCES = \
	tests/unit/test_store_lmdb_room.c $(lmdb_folder)
tests_unit_test_store_lmdb_room_LDADD = $(lists_test_libs) $(STORE_LIBS)
endif
