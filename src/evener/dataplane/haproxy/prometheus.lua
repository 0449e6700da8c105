-- Answers with the counters of this load balancer, under the names that Octavia's amphorae give them
-- (openstack/octavia, octavia/cmd/prometheus_proxy.py): what HAProxy's own exporter says on a socket that only this
-- network namespace has, with frontends called listeners, backends pools, and servers members.

local EXPORTER = "evener-exporter"

-- By the first word of a name: what stands in its place, and what its labels are called.
local KINDS = {
  frontend = { "listener", { proxy = "listener" } },
  backend = { "pool", { proxy = "pool" } },
  server = { "member", { proxy = "pool", server = "member" } },
}
local RENAMED = {
  backend_active_servers = "pool_active_members",
  backend_backup_servers = "pool_backup_members",
  backend_server_aborts_total = "pool_member_aborts_total",
  process_pool_allocated_bytes = "memory_pool_allocated_bytes",
  process_pool_used_bytes = "memory_pool_used_bytes",
  process_pool_failures_total = "memory_pool_failures_total",
}
-- What is told of the process: nothing of which HAProxy it is, and on which host.
for name in string.gmatch(
  [[max_connections current_connections connections_total requests_total max_ssl_connections
    current_ssl_connections ssl_connections_total current_connection_rate limit_connection_rate max_connection_rate
    current_session_rate limit_session_rate max_session_rate current_ssl_rate limit_ssl_rate max_ssl_rate
    current_frontend_ssl_key_rate max_frontend_ssl_key_rate frontend_ssl_reuse current_backend_ssl_key_rate
    max_backend_ssl_key_rate ssl_cache_lookups_total ssl_cache_misses_total http_comp_bytes_in_total
    http_comp_bytes_out_total limit_http_comp listeners dropped_logs_total]],
  "%S+"
) do
  RENAMED["process_" .. name] = "loadbalancer_" .. name
end

-- Return what a metric is called, and what its labels are called; nothing where it is not told.
local function renamed(name)
  local kind = KINDS[string.match(name, "^%l+")]
  local new = RENAMED[name]
  if new == nil and kind ~= nil then
    new = string.gsub(name, "^%l+", kind[1])
  end
  return new, kind and kind[2] or {}
end

local function line_of(line)
  local mark, name, rest = string.match(line, "^(#? ?%u* ?)haproxy_([%w_]+)(.*)$")
  if name == nil then
    return nil
  end
  local new, labels = renamed(name)
  if new == nil or string.find(rest, '"' .. EXPORTER .. '"', 1, true) then
    return nil
  end
  if mark == "" then
    rest = string.gsub(rest, "(%l+)=", function(label) return (labels[label] or label) .. "=" end)
  end
  return mark .. "octavia_" .. new .. rest
end

local function metrics(applet)
  local answer = core.httpclient():get({ url = "http://localhost/metrics", dst = "abns@" .. EXPORTER })
  local lines = {}
  for line in string.gmatch(answer.body or "", "[^\n]+") do
    lines[#lines + 1] = line_of(line)
  end
  local body = table.concat(lines, "\n") .. "\n"
  applet:set_status(answer.status == 200 and 200 or 503)
  applet:add_header("content-type", "text/plain; version=0.0.4")
  applet:add_header("content-length", #body)
  applet:start_response()
  applet:send(body)
end

core.register_service("metrics", "http", metrics)
