/*
 * dnsbl_stories.c - what mutes a list, what does not, and how it comes back.
 */
#include "tests/unit/dnsbl_stories.h"

/* clang-format off */
#define RUN_WELL(at) { at, RUN, MISS, 1, DNSBL_WELL }

const struct story dnsbl_stories[] = {
	{ "a list is well after its first test", {
		{ 0, NOTE, HIT, 3, DNSBL_UNTESTED },
		{ 0, RUN, MISS, 1, DNSBL_WELL },
		{ 1, NOTE, HIT, 1, DNSBL_WELL } } },
	{ "tests are hourly", {
		RUN_WELL(0),
		{ 6, IDLE, 0, 1, DNSBL_WELL },
		{ 3599, IDLE, 0, 1, DNSBL_WELL },
		RUN_WELL(3600),
		{ 7199, IDLE, 0, 1, DNSBL_WELL },
		RUN_WELL(7200) } },
	{ "the first error mutes it, and 30 s later it is back", {
		RUN_WELL(0),
		{ 9, NOTE, MISS, 100, DNSBL_WELL },
		{ 10, NOTE, ERROR, 1, DNSBL_REFUSING },
		{ 11, NOTE, MISS, 50, DNSBL_REFUSING },
		{ 39, IDLE, 0, 1, DNSBL_REFUSING },
		RUN_WELL(40) } },
	{ "as long as it refuses it stays muted, after three times longer", {
		RUN_WELL(0),
		{ 10, NOTE, ERROR, 1, DNSBL_REFUSING },
		{ 40, RUN_SAYS, ERROR, 1, DNSBL_REFUSING },
		{ 69, IDLE, 0, 1, DNSBL_REFUSING },
		{ 70, RUN_SAYS, ERROR, 1, DNSBL_REFUSING },
		{ 100, RUN_SAYS, ERROR, 1, DNSBL_REFUSING },
		{ 159, IDLE, 0, 1, DNSBL_REFUSING },
		{ 160, RUN_SAYS, ERROR, 1, DNSBL_REFUSING },
		{ 219, IDLE, 0, 1, DNSBL_REFUSING },
		RUN_WELL(220) } },
	{ "what was muted again soon keeps its failures", {
		RUN_WELL(0),
		{ 10, NOTE, ERROR, 1, DNSBL_REFUSING },
		{ 40, RUN_SAYS, ERROR, 1, DNSBL_REFUSING },
		{ 70, RUN_SAYS, ERROR, 1, DNSBL_REFUSING },
		{ 100, RUN_SAYS, ERROR, 1, DNSBL_REFUSING },
		RUN_WELL(160),
		{ 161, NOTE, ERROR, 1, DNSBL_REFUSING },
		{ 220, IDLE, 0, 1, DNSBL_REFUSING },
		RUN_WELL(221),
		{ 1000, NOTE, ERROR, 1, DNSBL_REFUSING }, /* but not for ever */
		RUN_WELL(1030) } },
	{ "one that relapses again and again is muted for longer", {
		RUN_WELL(0),
		{ 10, NOTE, ERROR, 1, DNSBL_REFUSING },
		RUN_WELL(40),
		{ 41, NOTE, ERROR, 1, DNSBL_REFUSING },
		RUN_WELL(71),
		{ 72, NOTE, ERROR, 1, DNSBL_REFUSING },
		RUN_WELL(102),
		{ 103, NOTE, ERROR, 1, DNSBL_REFUSING },
		{ 162, IDLE, 0, 1, DNSBL_REFUSING },
		RUN_WELL(163) } },
	{ "a probe that is listed mutes it", {
		{ 0, NOTE, HIT, 1, DNSBL_UNTESTED },
		{ 0, PROBE, HIT, 1, DNSBL_LISTS_ALL },
		{ 30, RUN_SAYS, HIT, 1, DNSBL_LISTS_ALL },
		RUN_WELL(60) } },
	{ "a probe that is not is fine", {
		RUN_WELL(0),
		{ 10, NOTE, HIT, 10, DNSBL_WELL },
		{ 10, PROBE, MISS, 10, DNSBL_WELL },
		{ 10, IDLE, 0, 1, DNSBL_WELL } } },
	{ "a probe that brings an error mutes it as well", {
		RUN_WELL(0),
		{ 10, NOTE, HIT, 1, DNSBL_WELL },
		{ 10, PROBE, ERROR, 1, DNSBL_REFUSING } } },
	{ "a test that finds all listed mutes it", {
		{ 0, RUN_SAYS, HIT, 1, DNSBL_LISTS_ALL },
		RUN_WELL(30) } },
	{ "what lay in our cache does not keep it muted", {
		{ 0, RUN_SAYS, HIT, 1, DNSBL_LISTS_ALL },
		{ 30, RUN_OLD, HIT, 1, DNSBL_WELL } } },
	{ "nor an error that lay there", {
		RUN_WELL(0),
		{ 9, NOTE, ERROR, 1, DNSBL_REFUSING },
		{ 39, RUN_OLD, ERROR, 1, DNSBL_WELL } } },
	{ "a foreign answer starts a test, which confirms it", {
		RUN_WELL(0),
		{ 9, NOTE, FOREIGN, 1, DNSBL_WELL },
		{ 9, RUN_SAYS, FOREIGN, 1, DNSBL_FOREIGN },
		RUN_WELL(39) } },
	{ "or does not", {
		RUN_WELL(0),
		{ 9, NOTE, FOREIGN, 1, DNSBL_WELL },
		RUN_WELL(9),
		{ 10, IDLE, 0, 1, DNSBL_WELL } } },
	{ "three of them mute it without a test", {
		RUN_WELL(0),
		{ 1, NOTE, FOREIGN, 2, DNSBL_WELL },
		{ 1, NOTE, MISS, 17, DNSBL_WELL },
		{ 1, NOTE, FOREIGN, 1, DNSBL_FOREIGN } } },
	{ "whatever tests say in between", {
		RUN_WELL(0),
		{ 9, NOTE, FOREIGN, 2, DNSBL_WELL },
		RUN_WELL(9),
		{ 10, NOTE, FOREIGN, 1, DNSBL_FOREIGN } } },
	{ "those of probes are among them", {
		RUN_WELL(0),
		{ 1, NOTE, HIT, 1, DNSBL_WELL },
		{ 1, PROBE, FOREIGN, 1, DNSBL_WELL },
		{ 1, NOTE, FOREIGN, 1, DNSBL_WELL },
		{ 1, NOTE, HIT, 1, DNSBL_WELL },
		{ 1, PROBE, FOREIGN, 1, DNSBL_FOREIGN } } },
	{ "but not over more than 20 questions", {
		RUN_WELL(0),
		{ 1, NOTE, FOREIGN, 2, DNSBL_WELL },
		{ 1, NOTE, MISS, 19, DNSBL_WELL },
		{ 1, NOTE, FOREIGN, 1, DNSBL_WELL } } },
	{ "a listing beside an error is one, but a test is due", {
		RUN_WELL(0),
		{ 9, NOTE, HIT_AND_ERROR, 1, DNSBL_WELL },
		{ 9, RUN_SAYS, ERROR, 1, DNSBL_REFUSING } } },
	{ "a listing beside a foreign record likewise", {
		RUN_WELL(0),
		{ 9, NOTE, HIT_AND_FOREIGN, 1, DNSBL_WELL },
		RUN_WELL(9) } },
	{ "silence while others are answered mutes it", {
		RUN_WELL(0),
		{ 9, NOTE, MISS, 100, DNSBL_WELL },
		{ 10, NOTE, TIMEOUT, 5, DNSBL_WELL },
		{ 10, OTHERS, 0, 1, DNSBL_WELL },
		{ 10, NOTE, TIMEOUT, 4, DNSBL_WELL },
		{ 10, IDLE, 0, 1, DNSBL_WELL },
		{ 11, NOTE, TIMEOUT, 1, DNSBL_WELL },
		{ 11, RUN_SAYS, TIMEOUT, 1, DNSBL_SILENT },
		{ 41, RUN_SAYS, TIMEOUT, 1, DNSBL_SILENT },
		RUN_WELL(71) } },
	{ "so does SERVFAIL", {
		RUN_WELL(0),
		{ 9, NOTE, SERVFAIL, 9, DNSBL_WELL },
		{ 9, OTHERS, 0, 1, DNSBL_WELL },
		{ 9, NOTE, SERVFAIL, 1, DNSBL_WELL },
		{ 9, RUN_SAYS, SERVFAIL, 1, DNSBL_SILENT } } },
	{ "if all fail at once, the second test does", {
		RUN_WELL(0),
		{ 9, NOTE, TIMEOUT, 50, DNSBL_WELL },
		{ 9, RUN_SAYS, TIMEOUT, 1, DNSBL_WELL },
		{ 10, OTHERS, 0, 9, DNSBL_WELL },
		{ 13, IDLE, 0, 1, DNSBL_WELL },
		{ 14, RUN_SAYS, TIMEOUT, 1, DNSBL_SILENT } } },
	{ "while nobody is answered silence says nothing", {
		RUN_WELL(0),
		{ 9, OTHERS, 0, 1000, DNSBL_WELL },
		{ 10, NOTE, TIMEOUT, 20, DNSBL_WELL },
		{ 10, RUN_SAYS, TIMEOUT, 1, DNSBL_WELL },
		{ 20, NOTE, SERVFAIL, 1000, DNSBL_WELL },
		{ 20, RUN_SAYS, SERVFAIL, 1, DNSBL_WELL },
		{ 30, RUN_SAYS, TIMEOUT, 1, DNSBL_WELL },
		{ 40, RUN_SAYS, TIMEOUT, 1, DNSBL_WELL },
		{ 48, OTHERS, 0, 1, DNSBL_WELL }, /* it comes back */
		RUN_WELL(50),
		{ 51, NOTE, MISS, 100, DNSBL_WELL },
		{ 60, IDLE, 0, 1, DNSBL_WELL } } },
	{ "a test that ran when the resolver came back says nothing", {
		RUN_WELL(0),
		{ 10, NOTE, TIMEOUT, 20, DNSBL_WELL },
		{ 10, START, 0, 1, DNSBL_WELL },
		{ 12, OTHERS, 0, 10, DNSBL_WELL },
		{ 13, END_SAYS, TIMEOUT, 1, DNSBL_WELL },
		RUN_WELL(15) } },
	{ "an open breaker and the like never count", {
		RUN_WELL(0),
		{ 9, OTHERS, 0, 9, DNSBL_WELL },
		{ 9, NOTE, BREAKER, 500, DNSBL_WELL },
		{ 9, NOTE, BUSY, 500, DNSBL_WELL },
		{ 10, IDLE, 0, 1, DNSBL_WELL },
		{ 3600, RUN_SAYS, BREAKER, 1, DNSBL_WELL },
		{ 3610, RUN_SAYS, BUSY, 1, DNSBL_WELL },
		RUN_WELL(3620) } },
	{ "a test that meets the breaker leaves a list muted", {
		{ 0, RUN_SAYS, HIT, 1, DNSBL_LISTS_ALL },
		{ 30, RUN_SAYS, BREAKER, 1, DNSBL_LISTS_ALL },
		{ 59, IDLE, 0, 1, DNSBL_LISTS_ALL },
		RUN_WELL(60) } },
	{ "some silence is normal", {
		RUN_WELL(0),
		{ 9, NOTE, TIMEOUT, 9, DNSBL_WELL },
		{ 9, OTHERS, 0, 9, DNSBL_WELL },
		{ 9, NOTE, MISS, 11, DNSBL_WELL },
		{ 9, NOTE, TIMEOUT, 9, DNSBL_WELL },
		{ 9, IDLE, 0, 1, DNSBL_WELL } } },
	{ "silence that a test does not confirm is some domains' own", {
		RUN_WELL(0),
		{ 9, NOTE, SERVFAIL, 6, DNSBL_WELL },
		{ 9, OTHERS, 0, 9, DNSBL_WELL },
		{ 9, NOTE, SERVFAIL, 14, DNSBL_WELL },
		RUN_WELL(9),
		{ 10, NOTE, SERVFAIL, 9, DNSBL_WELL },
		{ 15, IDLE, 0, 1, DNSBL_WELL } } },
	{ "nobody asks, but three tests in a row are silent", {
		{ 0, RUN_SAYS, TIMEOUT, 1, DNSBL_UNTESTED },
		{ 1, OTHERS, 0, 1, DNSBL_UNTESTED },
		{ 9, IDLE, 0, 1, DNSBL_UNTESTED },
		{ 10, RUN_SAYS, TIMEOUT, 1, DNSBL_UNTESTED },
		{ 11, OTHERS, 0, 1, DNSBL_UNTESTED },
		{ 20, RUN_SAYS, TIMEOUT, 1, DNSBL_UNTESTED },
		{ 21, OTHERS, 0, 1, DNSBL_UNTESTED },
		{ 30, RUN_SAYS, TIMEOUT, 1, DNSBL_SILENT } } },
	{ "in a row, that is", {
		{ 0, RUN_SAYS, TIMEOUT, 1, DNSBL_UNTESTED },
		{ 1, OTHERS, 0, 1, DNSBL_UNTESTED },
		{ 10, RUN_SAYS, TIMEOUT, 1, DNSBL_UNTESTED },
		{ 11, OTHERS, 0, 1, DNSBL_UNTESTED },
		{ 20, RUN_SAYS, TIMEOUT, 1, DNSBL_UNTESTED },
		RUN_WELL(30),
		{ 3630, RUN_SAYS, TIMEOUT, 1, DNSBL_WELL },
		{ 3631, OTHERS, 0, 1, DNSBL_WELL },
		{ 3640, RUN_SAYS, TIMEOUT, 1, DNSBL_WELL },
		RUN_WELL(3650) } },
	{ "a kind that it never answers is not waited for", {
		{ 0, RUN_ONE_KIND, 0, 1, DNSBL_WELL },
		{ 3599, IDLE, 0, 1, DNSBL_WELL },
		{ 3600, NOTE, ERROR, 1, DNSBL_REFUSING },
		{ 3630, RUN_ONE_KIND, 0, 1, DNSBL_WELL } } },
	{ "one that it used to answer is", {
		RUN_WELL(0),
		{ 9, NOTE, ERROR, 1, DNSBL_REFUSING },
		{ 39, RUN_SAYS, TIMEOUT, 1, DNSBL_REFUSING },
		RUN_WELL(69) } },
	{ "a list without a test entry is asked all the same", {
		{ 0, RUN_NO_ENTRY, 0, 1, DNSBL_NO_TEST_ENTRY },
		{ 9, NOTE, MISS, 100, DNSBL_NO_TEST_ENTRY },
		{ 3600, RUN_NO_ENTRY, 0, 1, DNSBL_NO_TEST_ENTRY },
		{ 3601, NOTE, ERROR, 1, DNSBL_REFUSING },
		{ 3631, RUN_NO_ENTRY, 0, 1, DNSBL_NO_TEST_ENTRY },
		RUN_WELL(7231) } },
	{ "one that has lost its entry, and lists nothing else, is empty", {
		RUN_WELL(0),
		{ 9, NOTE, MISS, 100, DNSBL_WELL },
		{ 3600, RUN_NO_ENTRY, 0, 1, DNSBL_EMPTY },
		{ 3630, RUN_NO_ENTRY, 0, 1, DNSBL_EMPTY },
		RUN_WELL(3660) } },
	{ "one that still lists others is not", {
		RUN_WELL(0),
		{ 9, NOTE, HIT, 1, DNSBL_WELL },
		{ 3600, RUN_NO_ENTRY, 0, 1, DNSBL_WELL },
		{ 7200, RUN_NO_ENTRY, 0, 1, DNSBL_EMPTY } } },
	{ "an entry seen while all was listed was none", {
		{ 0, RUN_SAYS, HIT, 1, DNSBL_LISTS_ALL },
		{ 30, RUN_NO_ENTRY, 0, 1, DNSBL_NO_TEST_ENTRY } } },
	{ "a jump in the share of hits starts a test", {
		RUN_WELL(0),
		{ 9, NOTE, MISS, 250, DNSBL_WELL },
		{ 9, NOTE, HIT, 9, DNSBL_WELL },
		{ 9, IDLE, 0, 1, DNSBL_WELL },
		{ 9, NOTE, HIT, 1, DNSBL_WELL },
		RUN_WELL(9),
		{ 20, NOTE, HIT, 9, DNSBL_WELL },
		{ 20, IDLE, 0, 1, DNSBL_WELL }, /* not again at once */
		{ 70, NOTE, HIT, 1, DNSBL_WELL },
		{ 70, RUN_SAYS, HIT, 1, DNSBL_LISTS_ALL } } },
	{ "a list that is new here has nothing to jump from", {
		RUN_WELL(0),
		{ 9, NOTE, MISS, 30, DNSBL_WELL },
		{ 9, NOTE, HIT, 10, DNSBL_WELL },
		{ 9, IDLE, 0, 1, DNSBL_WELL } } },
	{ "hits from before it was muted are forgotten", {
		RUN_WELL(0),
		{ 9, NOTE, MISS, 250, DNSBL_WELL },
		{ 9, NOTE, HIT, 9, DNSBL_WELL },
		{ 9, PROBE, HIT, 1, DNSBL_LISTS_ALL },
		RUN_WELL(39),
		{ 49, NOTE, HIT, 1, DNSBL_WELL },
		{ 49, IDLE, 0, 1, DNSBL_WELL } } },
	{ "where much is listed always, much is no jump", {
		RUN_WELL(0),
		{ 9, NOTE, MISS, 200, DNSBL_WELL },
		{ 9, NOTE, HIT, 100, DNSBL_WELL },
		RUN_WELL(9),
		{ 99, NOTE, HIT, 100, DNSBL_WELL },
		{ 99, IDLE, 0, 1, DNSBL_WELL } } },
	{ "tests are five seconds apart, however odd it looks", {
		RUN_WELL(0),
		{ 4, NOTE, FOREIGN, 1, DNSBL_WELL },
		{ 4, IDLE, 0, 1, DNSBL_WELL },
		RUN_WELL(5),
		{ 6, NOTE, FOREIGN, 1, DNSBL_WELL },
		{ 9, IDLE, 0, 1, DNSBL_WELL },
		RUN_WELL(10) } },
	{ "a test begun before it was muted does not bring it back", {
		RUN_WELL(0),
		{ 9, NOTE, FOREIGN, 1, DNSBL_WELL },
		{ 9, START, 0, 1, DNSBL_WELL },
		{ 9, IDLE, 0, 1, DNSBL_WELL }, /* one at a time */
		{ 10, NOTE, ERROR, 1, DNSBL_REFUSING },
		{ 11, END_SAYS, MISS, 1, DNSBL_REFUSING },
		{ 39, IDLE, 0, 1, DNSBL_REFUSING },
		RUN_WELL(40) } },
	{ "another entry for tests is another chance", {
		RUN_WELL(0),
		{ 9, RETEST, 0, 1, DNSBL_WELL },
		{ 9, RUN_NO_ENTRY, 0, 1, DNSBL_NO_TEST_ENTRY } } },
	{ "a test by the old entry does not count then", {
		RUN_WELL(0),
		{ 3600, START, 0, 1, DNSBL_WELL },
		{ 3601, RETEST, 0, 1, DNSBL_WELL },
		{ 3601, END_SAYS, HIT, 1, DNSBL_WELL },
		RUN_WELL(3605) } },
	{ "without tests it is asked, and muted for errors", {
		{ 0, UNTEST, 0, 1, DNSBL_NO_TEST_ENTRY },
		{ 9999, IDLE, 0, 1, DNSBL_NO_TEST_ENTRY },
		{ 9999, NOTE, ERROR, 1, DNSBL_REFUSING },
		{ 10029, RUN_NO_ENTRY, 0, 1, DNSBL_NO_TEST_ENTRY } } },
};
/* clang-format on */

const size_t dnsbl_story_count =
	sizeof(dnsbl_stories) / sizeof(dnsbl_stories[0]);
