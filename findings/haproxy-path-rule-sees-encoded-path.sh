#!/usr/bin/env bash
# Package: HAProxy 2.6.12 (Debian 12).
# Guess:   `http-request deny if { path_beg /private }` refuses every request that the server takes for /private.
# Seen:    HAProxy compares the path as it was sent. The server decodes it first. So GET /%70rivate/secret passes, and
#          so does /public/../private/secret. nginx's `location /private` refuses both, as it decodes and cleans the
#          path. In HAProxy `path,url_dec` refuses the first one, and not the second.
# Matters: A rule that keeps /metrics or an admin page of a server from the network does not keep anybody out.
#          Let the server itself refuse what comes through a proxy (`option forwardfor` and X-Forwarded-For).
# Needs:   haproxy, nginx, python3, curl.
set -euo pipefail
nginx=$(command -v nginx || echo /usr/sbin/nginx)
haproxy=$(command -v haproxy || echo /usr/sbin/haproxy)
dir=$(mktemp -d)
chmod 755 "$dir"
pids=()
stop() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$dir"
}
trap stop EXIT
cd "$dir"
mkdir -p site/private site/public
echo secret > site/private/secret
base=$((20000 + RANDOM % 5000))
python3 -m http.server --bind 127.0.0.1 --directory site "$base" > server.log 2>&1 & pids+=($!)
cat > haproxy.cfg <<CFG
defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
frontend plain
    bind 127.0.0.1:$((base + 1))
    http-request deny if { path_beg /private }
    default_backend site
frontend decoded
    bind 127.0.0.1:$((base + 2))
    http-request deny if { path,url_dec -m beg /private }
    default_backend site
backend site
    server one 127.0.0.1:$base
CFG
"$haproxy" -db -f haproxy.cfg > haproxy.log 2>&1 & pids+=($!)
cat > nginx.conf <<CONF
daemon off;
pid $dir/pid;
error_log $dir/error.log;
events {}
http {
    access_log off;
    client_body_temp_path $dir/1; proxy_temp_path $dir/2; fastcgi_temp_path $dir/3; uwsgi_temp_path $dir/4;
    scgi_temp_path $dir/5;
    server {
        listen 127.0.0.1:$((base + 3));
        location /private { deny all; }
        location / { proxy_pass http://127.0.0.1:$base; }
    }
}
CONF
"$nginx" -c "$dir/nginx.conf" -e "$dir/error.log" & pids+=($!)
status() { curl -s -o /dev/null -m 10 --path-as-is -w '%{http_code}' "$1" || true; }
for port in 0 1 2 3; do
  for _ in $(seq 50); do [ "$(status "http://127.0.0.1:$((base + port))/public/")" = 200 ] && break; sleep 0.1; done
done
seen=
for place in "1 HAProxy, path_beg" "2 HAProxy, path,url_dec" "3 nginx, location"; do
  row=
  for path in /private/secret /%70rivate/secret /public/../private/secret; do
    row="$row $path $(status "http://127.0.0.1:$((base + ${place%% *}))$path")"
  done
  echo "${place#* }:$row"
  seen="$seen$(echo "$row" | grep -oE ' [0-9]{3}' | tr -d '\n');"
done
[ "$seen" = " 403 200 200; 403 403 200; 403 403 403;" ]
