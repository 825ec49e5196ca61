/**
 * What the server carries out in one step. The document is a hash with the fields `json`, `revision` and `commit`.
 * Every answer ends with the server's time in milliseconds: its clock is the one that counts.
 */

const TIME = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)`;

const DOCUMENT = `
local function document(key, known)
  local commit = redis.call('HGET', key, 'commit') or ''
  if commit == known then return commit, false end
  return commit, redis.call('HGET', key, 'json')
end`;

/**
 * The newest document. KEYS: document. ARGV: the commit that the caller has already.
 * Answers commit (empty: no document), json (nothing where the caller has it), now.
 */
export const READ = `${TIME}${DOCUMENT}
local commit, json = document(KEYS[1], ARGV[1])
return {commit, json, now}`;

/**
 * Asks for the turn, and reads the document when it has come. A connection that is gone has no subscriber any more:
 * that is how a process that died is told from one that is slow.
 * KEYS: document, queue, seen, lock, sequence. ARGV: caller, known commit, lease in ms, prefix of the callers' channels,
 * pool, and for how many ms the first in the queue may stay silent while the turn is free.
 * Answers 1 with commit, json, now; or 0 with the place in the queue from 1, nothing, now.
 */
export const ENTER = `${TIME}${DOCUMENT}
local me, prefix, pool = ARGV[1], ARGV[4], ARGV[5]
local function isGone(other) return redis.call('PUBLISH', prefix .. other, 'there?') == 0 end
local function drop(other) redis.call('ZREM', KEYS[2], other); redis.call('HDEL', KEYS[3], other) end
local function take()
  redis.call('SET', KEYS[4], me, 'PX', ARGV[3])
  drop(me)
  local commit, json = document(KEYS[1], ARGV[2])
  return {1, commit, json, now}
end
local holder = redis.call('GET', KEYS[4])
if holder == me then return take() end
if holder and isGone(holder) then redis.call('DEL', KEYS[4]); holder = false end
if not redis.call('ZSCORE', KEYS[2], me) then redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[5]), me) end
redis.call('HSET', KEYS[3], me, now)
while true do
  local first = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
  if first == me then
    if not holder then return take() end
    break
  end
  local seen = tonumber(redis.call('HGET', KEYS[3], first) or '0')
  if isGone(first) or (not holder and now - seen > tonumber(ARGV[6])) then drop(first) else break end
end
return {0, redis.call('ZRANK', KEYS[2], me) + 1, false, now}`;

/**
 * Commits, if the newest version still is the one that the change was made on; asked once more, it answers the same.
 * KEYS: document, commits. ARGV: base commit, next commit, next revision, json, channel of notices.
 * Answers 1, or 0 where another commit came first; now.
 */
export const COMMIT = `${TIME}
if redis.call('LPOS', KEYS[2], ARGV[2]) then return {1, now} end
if (redis.call('HGET', KEYS[1], 'commit') or '') ~= ARGV[1] then return {0, now} end
redis.call('HSET', KEYS[1], 'json', ARGV[4], 'revision', ARGV[3], 'commit', ARGV[2])
redis.call('LPUSH', KEYS[2], ARGV[2])
redis.call('LTRIM', KEYS[2], 0, 255)
redis.call('PUBLISH', ARGV[5], ARGV[2])
return {1, now}`;

/**
 * Gives the turn to the next in the queue whose connection is there, and wakes just that one.
 * KEYS: queue, seen, lock. ARGV: caller, in how many ms the next has to come, prefix of the callers' channels, pool.
 */
export const LEAVE = `
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
local holder = redis.call('GET', KEYS[3])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[3])
while true do
  local first = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
  if not first then return 1 end
  redis.call('ZREM', KEYS[1], first)
  redis.call('HDEL', KEYS[2], first)
  if redis.call('PUBLISH', ARGV[3] .. first, ARGV[4]) > 0 then
    redis.call('SET', KEYS[3], first, 'PX', ARGV[2])
    return 1
  end
end`;
