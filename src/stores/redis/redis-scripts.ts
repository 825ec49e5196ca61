/**
 * The scripts that the server runs, each in one atomic step. The document is a hash with the fields `json`, `revision`
 * and `commit`. Answers contain the server's time in milliseconds: its clock is the one that counts.
 */

const TIME = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)`;

// The server of an open connection may have been a replica meanwhile, and have lost writes by that.
const HISTORY = `
local replication = redis.call('INFO', 'replication')
if string.find(replication, 'role:slave', 1, true) then
  return redis.error_reply('READONLY the server is a replica')
end
local history = string.match(replication, 'master_replid:(%x+)') or ''`;

const DOCUMENT = `
local function document(key, known)
  local commit = redis.call('HGET', key, 'commit') or ''
  if commit == known and commit ~= '' then return commit, false end
  return commit, redis.call('HGET', key, 'json')
end`;

/**
 * The newest document. KEYS: document. ARGV: the commit that the caller has already.
 * Answers commit (empty: no document), json (nothing if the caller has it), now, history of replication.
 */
export const READ = `${TIME}${HISTORY}${DOCUMENT}
local commit, json = document(KEYS[1], ARGV[1])
return {commit, json, now, history}`;

/**
 * Asks for the turn, and reads the document when it has come. A closed connection has no subscriber, which tells a dead
 * process from a slow one.
 * KEYS: document, queue, seen, lock, sequence. ARGV: caller, known commit, lease in ms, prefix of the callers'
 * channels, pool, and for how many ms the first in the queue may stay silent while the turn is free.
 * Answers 1 with commit, json, now, history of replication; or 0 with the place in the queue from 1.
 */
export const ENTER = `${TIME}${HISTORY}${DOCUMENT}
local me, prefix, pool = ARGV[1], ARGV[4], ARGV[5]
local function isGone(other) return redis.call('PUBLISH', prefix .. other, 'there?') == 0 end
local function drop(other) redis.call('ZREM', KEYS[2], other); redis.call('HDEL', KEYS[3], other) end
local function take()
  redis.call('SET', KEYS[4], me, 'PX', ARGV[3])
  drop(me)
  local commit, json = document(KEYS[1], ARGV[2])
  return {1, commit, json, now, history}
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
return {0, redis.call('ZRANK', KEYS[2], me) + 1}`;

/**
 * Commits if the newest version is still the one that the change was based on; a repeated request gets the same answer. It
 * writes as well, because a new connection that has written nothing need not wait for replicas.
 * KEYS: document, commits. ARGV: base commit, next commit, next revision, json, channel of notices.
 * Answers 1, or 0 if another commit came first; now.
 */
export const COMMIT = `${TIME}
if not redis.call('LPOS', KEYS[2], ARGV[2]) then
  if (redis.call('HGET', KEYS[1], 'commit') or '') ~= ARGV[1] then return {0, now} end
  redis.call('PUBLISH', ARGV[5], ARGV[2])
  redis.call('HSET', KEYS[1], 'json', ARGV[4], 'revision', ARGV[3], 'commit', ARGV[2])
end
redis.call('LPUSH', KEYS[2], ARGV[2])
redis.call('LTRIM', KEYS[2], 0, 255)
return {1, now}`;

/**
 * Gives the turn to the next connected process in the queue, and wakes only that one.
 * KEYS: queue, seen, lock. ARGV: caller, within how many ms the next must begin, prefix of the callers' channels, pool.
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
