-- greylist.lua - the steps of a greylist's store that a server takes by itself.
--
-- Redis runs a script from end to end, with nobody between; so what must be
-- read, judged and written in one step is one call of this script, and one
-- round trip.  ARGV[1] names the step:
--
--   visit  KEYS: triplet, identity, outbound.  ARGV: the terms and the time as
--          read below.  Does what greylist_visit() does (lists/greylist.c), to
--          the same lines of text (lists/greylist_record.h), and returns the
--          fields of struct greylist_result.
--   look   KEYS: any.  Returns for each its text (nil: none) and the
--          milliseconds that it still has (-1: for ever).
--   swap   KEYS: any.  ARGV: for each, what it held ("": nothing), what it
--          shall hold and for how many seconds (-1: for ever; 0: it is deleted).
--          All of them or, where one holds something else by now, none: returns
--          1 or 0.
--   write  KEYS: one.  ARGV: text and seconds, whatever is there.
--
-- Where a record is of a version that is not known yet, visit and write change
-- nothing and return NEWER.
--
-- Numbers are doubles here, which hold any that a record may (below 2^53); the
-- name of a run is 64 bits long, and is only ever compared: it stays text.

local TIME_MAX = 253402300799
local SPAN_MAX = 3155760000
local COUNT_MAX = 1000000000
local SKEW = 120
local RECORD_MAX = 384 -- more bytes than any line has: the rest is not looked at
local FOR_EVER = math.huge
local JUNK = '?' -- what is not even text
local NEWER = { ok = 'NEWER' }

-- --- the server's keys -------------------------------------------------------

-- nil where there is none.
local function get(key)
	local text = redis.pcall('GETRANGE', key, 0, RECORD_MAX - 1)
	if type(text) ~= 'string' then
		if not text.err:find('WRONGTYPE', 1, true) then
			error(text.err, 0)
		end
		return JUNK
	end
	if text == '' and redis.call('EXISTS', key) == 0 then
		return nil
	end
	return text
end

local function put(key, text, left)
	if text == '' or left == 0 then
		redis.call('DEL', key)
	elseif left == FOR_EVER or left < 0 then
		redis.call('SET', key, text)
	else
		redis.call('SET', key, text, 'EX', ('%.0f'):format(left))
	end
end

-- --- reading lines -----------------------------------------------------------

local RUN = '^' .. ('[0-9a-f]'):rep(16)
local NO_RUN = ('0'):rep(16)

-- What is being read; once something is wrong nothing is read any more.
local text, at, wrong

local function take(word)
	if wrong or text:sub(at, at + #word - 1) ~= word then
		return false
	end
	at = at + #word
	return true
end

local function must_take(word)
	if not take(word) then
		wrong = true
	end
end

local function take_number(most)
	local digits = not wrong and text:match('^%d+', at)
	if not digits or (#digits > 1 and digits:sub(1, 1) == '0') or
		tonumber(digits) > most then
		wrong = true
		return 0
	end
	at = at + #digits
	return tonumber(digits)
end

local function take_field(name, most)
	must_take(name)
	return take_number(most)
end

local function take_run()
	local run = not wrong and text:match(RUN, at)
	if not run or run == NO_RUN then
		wrong = true
		return ''
	end
	at = at + #run
	return run
end

local function take_stamp()
	local stamp = { wall = take_number(TIME_MAX), up = 0, run = '' }
	if take('/') then
		stamp.up = take_number(TIME_MAX)
		must_take('/')
		stamp.run = take_run()
	end
	return stamp
end

local function take_time(name)
	must_take(name)
	return take_stamp()
end

local function take_triplet()
	local triplet = {}
	if take('waiting') then
		triplet.state = 'waiting'
		triplet.first = take_time(' first=')
		triplet.tried = take_field(' tried=', TIME_MAX)
		triplet.count = take_field(' tries=', COUNT_MAX)
		triplet.round = take_field(' round=', TIME_MAX)
	else
		must_take('passed')
		triplet.state = 'passed'
		triplet.last = take_time(' last=')
		triplet.first = take_field(' first=', TIME_MAX)
		triplet.waited = take_field(' waited=', SPAN_MAX)
		triplet.count = take_field(' uses=', COUNT_MAX)
	end
	return triplet
end

local function take_identity()
	local identity = { trapped_for = 0 }
	must_take('identity')
	identity.passes = take_field(' passes=', COUNT_MAX)
	identity.round = take_field(' round=', TIME_MAX)
	if identity.passes > 0 then
		identity.counted = take_time(' counted=')
		identity.last = take_time(' last=')
	end
	if identity.round > 0 then
		identity.trapped = take_time(' trapped=')
		identity.trapped_for = take_field(' for=', SPAN_MAX)
	end
	for _, mark in ipairs({ 'allow', 'block' }) do
		if not identity.mark and take(' ' .. mark .. '=') then
			identity.mark = mark
			identity.marked = take_stamp()
			identity.marked_for = take_field(' for=', SPAN_MAX)
		end
	end
	if identity.passes == 0 and identity.round == 0 and
		not identity.mark then
		wrong = true
	end
	return identity
end

local function take_outbound()
	must_take('outbound')
	return { last = take_time(' last=') }
end

local foreign = 0

-- The key's record, or nil; and whether it is of a version not known yet.
local function read(key, take_record)
	text, at, wrong = get(key), 1, false
	if not text then
		return nil, false
	end
	local version = take_number(COUNT_MAX)
	must_take(' ')
	if not wrong and version > 1 then
		return nil, true
	end
	local record = version == 1 and not wrong and take_record()
	if not record or wrong or at <= #text then
		foreign = foreign + 1
		return nil, false
	end
	return record, false
end

-- --- writing lines -----------------------------------------------------------

local function number(name, value)
	return (' %s=%.0f'):format(name, value)
end

local function time(name, stamp)
	if stamp.run == '' then
		return number(name, stamp.wall)
	end
	return number(name, stamp.wall) ..
		('/%.0f/%s'):format(stamp.up, stamp.run)
end

local function triplet_text(triplet)
	if triplet.state == 'waiting' then
		return '1 waiting' .. time('first', triplet.first) ..
			number('tried', triplet.tried) ..
			number('tries', triplet.count) ..
			number('round', triplet.round)
	end
	return '1 passed' .. time('last', triplet.last) ..
		number('first', triplet.first) ..
		number('waited', triplet.waited) ..
		number('uses', triplet.count)
end

local function identity_text(identity)
	if identity.passes == 0 and identity.round == 0 and
		not identity.mark then
		return ''
	end
	local line = '1 identity' .. number('passes', identity.passes) ..
		number('round', identity.round)
	if identity.passes > 0 then
		line = line .. time('counted', identity.counted) ..
			time('last', identity.last)
	end
	if identity.round > 0 then
		line = line .. time('trapped', identity.trapped) ..
			number('for', identity.trapped_for)
	end
	if identity.mark then
		line = line .. time(identity.mark, identity.marked) ..
			number('for', identity.marked_for)
	end
	return line
end

-- --- the judgement: lists/greylist.c, function by function -------------------

local terms, now

local function in_bounds(span)
	return math.min(math.max(span, 0), SPAN_MAX)
end

local function read_terms()
	terms = {
		wait = in_bounds(tonumber(ARGV[2])),
		window = in_bounds(tonumber(ARGV[3])),
		keep = in_bounds(tonumber(ARGV[4])),
		known_gap = in_bounds(tonumber(ARGV[5])),
		known_after = tonumber(ARGV[6]),
		outbound = in_bounds(tonumber(ARGV[7])),
	}
	terms.window = math.max(terms.window, terms.wait)
	terms.longest_window =
		math.max(in_bounds(tonumber(ARGV[11])), terms.window)
end

local function read_now()
	now = {
		wall = math.min(math.max(tonumber(ARGV[8]), 0), TIME_MAX),
		up = tonumber(ARGV[9]),
		run = ARGV[10],
	}
	if now.run == NO_RUN or now.up < 0 or now.up > TIME_MAX then
		now.run, now.up = '', 0
	end
end

local function since(stamp, in_doubt)
	if stamp.run ~= '' and stamp.run == now.run and stamp.up <= now.up then
		return now.up - stamp.up
	end
	local span = now.wall - stamp.wall
	if span >= 0 then
		return span
	end
	return span >= -SKEW and 0 or in_doubt
end

local function block_left(stamp, span)
	return math.max(span - since(stamp, span), 0)
end

local function mark_left(identity)
	if not identity.mark then
		return 0
	end
	if identity.marked_for == 0 then
		return FOR_EVER
	end
	return block_left(identity.marked, identity.marked_for)
end

local function trap_left(identity)
	if identity.trapped_for == 0 then
		return 0
	end
	return block_left(identity.trapped, identity.trapped_for)
end

local function is_silent(identity)
	return since(identity.last, 0) > terms.keep
end

local function knows(identity)
	return terms.known_after > 0 and
		identity.passes >= terms.known_after and
		not is_silent(identity)
end

local function tidy(identity)
	local changed = false
	if identity.passes > 0 and is_silent(identity) then
		identity.passes, changed = 0, true
	end
	if identity.trapped_for > 0 and trap_left(identity) == 0 then
		identity.trapped_for, changed = 0, true
	end
	if identity.mark and mark_left(identity) == 0 then
		identity.mark, changed = nil, true
	end
	return changed
end

local function needed(stamp, span)
	local past = since(stamp, 0)
	return past <= span and span - past + 1 or 0
end

local function triplet_left(triplet)
	if triplet.state == 'waiting' then
		return needed(triplet.first, terms.window)
	elseif triplet.state == 'passed' then
		return needed(triplet.last, terms.keep)
	end
	return 0
end

local function identity_left(identity)
	local left = math.max(mark_left(identity), trap_left(identity))
	if identity.passes > 0 then
		left = math.max(left, needed(identity.last, terms.keep))
	end
	if identity.round > 0 then
		left = math.max(left,
			needed(identity.trapped, terms.longest_window))
	end
	return left
end

local function outbound_left(outbound)
	if not outbound or terms.outbound == 0 then
		return 0
	end
	return needed(outbound.last, terms.outbound)
end

-- The result of the visit that is being judged, and its records.
local triplet, identity, result

local function count_pass()
	if identity.passes > 0 and
		since(identity.counted, 0) < terms.known_gap then
		return
	end
	identity.passes = math.min(identity.passes + 1, COUNT_MAX)
	identity.counted = now
end

local function use_identity()
	if identity.passes > 0 then
		identity.last = now
		result.identity_changed = 1
	end
end

local function pass(why)
	triplet.last = now
	triplet.count = math.min(triplet.count + 1, COUNT_MAX)
	result.triplet_changed = 1
	result.waited = triplet.waited
	use_identity()
	return why
end

local function end_wait(waited)
	triplet = {
		state = 'passed',
		first = triplet.first.wall,
		waited = in_bounds(waited),
		count = 0,
	}
	if terms.wait > 0 then
		count_pass()
	end
	result.must_last = 1
	return pass('waited')
end

local function begin_wait(why)
	triplet = {
		state = 'waiting',
		first = now,
		tried = now.wall,
		count = 1,
		round = identity.round,
	}
	if terms.wait == 0 then
		return end_wait(0)
	end
	result.left = terms.wait
	result.triplet_changed = 1
	result.must_last = 1
	return why
end

local function go_on_waiting()
	local past = since(triplet.first, terms.wait)
	if triplet.round < identity.round then
		return begin_wait('dropped')
	elseif past > terms.window then
		return begin_wait('late')
	elseif past >= terms.wait then
		return end_wait(past)
	end
	triplet.tried = now.wall
	triplet.count = math.min(triplet.count + 1, COUNT_MAX)
	result.triplet_changed = 1
	result.left = terms.wait - past
	return 'early'
end

local function judge(outbound)
	local left = mark_left(identity)
	if left > 0 and identity.mark == 'allow' then
		return 'allowed'
	elseif left > 0 then
		result.left = left
		return 'blocked'
	end
	left = trap_left(identity)
	if left > 0 then
		result.left = left
		return 'trapped'
	end
	if triplet.state == 'passed' and triplet_left(triplet) > 0 then
		return pass('kept')
	elseif knows(identity) then
		use_identity()
		return 'known'
	elseif outbound_left(outbound) > 0 then
		return 'outbound'
	elseif triplet.state == 'waiting' then
		return go_on_waiting()
	end
	return begin_wait('new')
end

-- --- the steps ---------------------------------------------------------------

local function seconds(left)
	return left == FOR_EVER and -1 or left
end

local step = {}

function step.visit()
	local outbound, newer, newer_too, newest
	triplet, newer = read(KEYS[1], take_triplet)
	identity, newer_too = read(KEYS[2], take_identity)
	outbound, newest = read(KEYS[3], take_outbound)
	if newer or newer_too or newest then
		return NEWER
	end
	triplet = triplet or { state = 'absent' }
	identity = identity or { passes = 0, round = 0, trapped_for = 0 }
	read_terms()
	read_now()
	result = { left = 0, waited = 0, must_last = 0,
		triplet_changed = 0, identity_changed = 0 }
	if tidy(identity) then
		result.identity_changed = 1
	end
	local why = judge(outbound)
	local triplet_left, identity_left =
		triplet_left(triplet), identity_left(identity)
	if result.triplet_changed == 1 then
		put(KEYS[1], triplet_text(triplet), triplet_left)
	end
	if result.identity_changed == 1 then
		put(KEYS[2], identity_text(identity), identity_left)
	end
	return { why, seconds(result.left), result.waited, result.must_last,
		result.triplet_changed, seconds(triplet_left),
		result.identity_changed, seconds(identity_left), foreign }
end

function step.look()
	local found = {}
	for i, key in ipairs(KEYS) do
		found[2 * i - 1] = get(key) or false
		found[2 * i] = redis.call('PTTL', key)
	end
	return found
end

function step.swap()
	for i, key in ipairs(KEYS) do
		if (get(key) or '') ~= ARGV[3 * i - 1] then
			return 0
		end
	end
	for i, key in ipairs(KEYS) do
		put(key, ARGV[3 * i], tonumber(ARGV[3 * i + 1]))
	end
	return 1
end

function step.write()
	local _, newer = read(KEYS[1], take_outbound)
	if newer then
		return NEWER
	end
	put(KEYS[1], ARGV[2], tonumber(ARGV[3]))
	return foreign
end

return step[ARGV[1]]()
