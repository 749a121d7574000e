"""What a queue in Redis does, in Lua: each verb is one script, so it happens whole or not at all.

A stream holds the ids of jobs that are due, and its consumer group who has them; `later` those that wait after a
failure. Letters themselves are JSON in two hashes, `letters` and `buried`. `keys` and `done` say which id a key has;
`done` has the lease too, so that a worker whose answer got lost may say once more that it is done.
"""

NAMES = ("stream", "later", "letters", "buried", "keys", "done", "forget", "numbers")

COMMON = """
local stream, later, letters, buried = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local keys, done, forget, numbers = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local group = 'workers'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function read(hash, id)
  local found = redis.call('HGET', hash, id)
  return found and cjson.decode(found)
end

local function write(letter)
  redis.call('HSET', letters, letter.id, cjson.encode(letter))
end

local function queue(letter)
  letter.number = redis.call('INCR', numbers)
  write(letter)
  redis.call('HSET', keys, letter.key, letter.id)
  redis.call('XADD', stream, '*', 'id', letter.id)
end

local function release(letter)
  if letter.entry ~= '' then
    redis.call('XACK', stream, group, letter.entry)
    redis.call('XDEL', stream, letter.entry)
  end
  letter.entry, letter.lease = '', ''
end

local function bury(letter)
  release(letter)
  letter.number = redis.call('INCR', numbers)
  redis.call('HDEL', letters, letter.id)
  redis.call('HSET', buried, letter.id, cjson.encode(letter))
end

local function held(id, lease)
  local letter = read(letters, id)
  return letter and letter.lease == lease and letter
end
"""

PUT = """
local id, key, body = ARGV[1], ARGV[2], ARGV[3]
local known = redis.call('HGET', keys, key) or redis.call('HGET', done, key)
if known then return string.match(known, '^%S+') end
queue({id = id, key = key, body = body, origin = id, tries = 0, error = '', lease = '', entry = ''})
return id
"""

LEASE = """
local worker, lease, visibility, most = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local longest, unsaid = tonumber(ARGV[5]), ARGV[6]
redis.pcall('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM')

-- A wait that ends too far ahead was set before the clock was put back.
local due = redis.call('ZRANGEBYSCORE', later, '-inf', now, 'LIMIT', 0, 100)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', later, now + longest, '+inf', 'LIMIT', 0, 100)) do
  table.insert(due, id)
end
for _, id in ipairs(due) do
  redis.call('ZREM', later, id)
  redis.call('XADD', stream, '*', 'id', id)
end

local function take(entry, fields)
  local letter = fields and read(letters, fields[2])
  if not letter then
    redis.call('XACK', stream, group, entry)
    redis.call('XDEL', stream, entry)
    return nil
  end
  letter.entry = entry
  if letter.tries >= most then
    letter.error = letter.error .. ' (try ' .. letter.tries .. unsaid
    bury(letter)
    return nil
  end
  letter.tries, letter.lease = letter.tries + 1, lease
  write(letter)
  return cjson.encode(letter)
end

local cursor = '0-0'
repeat
  local found = redis.call('XAUTOCLAIM', stream, group, worker, visibility, cursor, 'COUNT', 1)
  cursor = found[1]
  for _, entry in ipairs(found[2]) do
    local letter = entry and take(entry[1], entry[2])
    if letter then return letter end
  end
until cursor == '0-0'
while true do
  local found = redis.call('XREADGROUP', 'GROUP', group, worker, 'COUNT', 1, 'STREAMS', stream, '>')
  if not found then return nil end
  local entry = found[1][2][1]
  local letter = take(entry[1], entry[2])
  if letter then return letter end
end
"""

ACK = """
local letter, keep = held(ARGV[1], ARGV[2]), tonumber(ARGV[3])
local told = ARGV[1] .. ' ' .. ARGV[2]
if not letter then return redis.call('HGET', done, ARGV[4]) == told and 1 or 0 end
release(letter)
redis.call('HDEL', letters, letter.id)
redis.call('HDEL', keys, letter.key)
redis.call('HSET', done, letter.key, told)
redis.call('ZADD', forget, now, letter.key)
for _, key in ipairs(redis.call('ZRANGEBYSCORE', forget, '-inf', now - keep, 'LIMIT', 0, 100)) do
  redis.call('HDEL', done, key)
  redis.call('ZREM', forget, key)
end
return 1
"""

FAIL = """
local letter, most, pause = held(ARGV[1], ARGV[2]), tonumber(ARGV[4]), tonumber(ARGV[5])
if not letter then return 0 end
letter.error = ARGV[3]
if letter.tries >= most then
  bury(letter)
else
  release(letter)
  write(letter)
  redis.call('ZADD', later, now + pause, letter.id)
end
return 1
"""

RENEW = """
local letter = held(ARGV[1], ARGV[2])
if not letter then return 0 end
return #redis.call('XCLAIM', stream, group, ARGV[3], 0, letter.entry, 'JUSTID')
"""

RETRY = """
local letter, fresh = read(buried, ARGV[1]), ARGV[2]
if not letter then return 0 end
redis.call('HDEL', buried, letter.id)
letter.id, letter.tries, letter.error = fresh, 0, ''
queue(letter)
return 1
"""

DROP = """
local letter = read(buried, ARGV[1])
if not letter then return 0 end
redis.call('HDEL', buried, letter.id)
redis.call('HDEL', keys, letter.key)
return 1
"""
