#!/usr/bin/env bash
# Package: nginx 1.22.1 (Debian 12).
# Guess:   `proxy_next_upstream error timeout http_503` sends a request that one server answers with 503 to the next
#          server, and passes the 503 of the last server on. Other requests are not touched.
# Seen:    A 503 that is named there counts as a failure of the server, unless it is the last one to try. With the
#          default `max_fails=1` two GETs that both servers refuse take both servers out for 10 seconds. nginx then
#          answers a POST that both servers would take with its own 502 and an HTML page, and no server sees the POST.
#          With `max_fails=0` the POST gets its 200.
# Matters: An API server answers 503 and Retry-After when it is full. Two refused GETs then turn the requests of every
#          client into a 502 without Retry-After, while the servers have room again.
# Needs:   nginx, python3, curl.
set -euo pipefail
nginx=$(command -v nginx || echo /usr/sbin/nginx)
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
cat > server.py <<'PY'
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def do_GET(self):
        self.answer(503 if self.path == "/full" else 200)
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
PY
base=$((20000 + RANDOM % 5000))
python3 server.py $((base + 1)) & pids+=($!)
python3 server.py $((base + 2)) & pids+=($!)
cat > nginx.conf <<CONF
daemon off;
pid $dir/pid;
error_log $dir/error.log;
events {}
http {
    access_log off;
    client_body_temp_path $dir/1; proxy_temp_path $dir/2; fastcgi_temp_path $dir/3; uwsgi_temp_path $dir/4;
    scgi_temp_path $dir/5;
    proxy_next_upstream error timeout http_503;
    upstream default { server 127.0.0.1:$((base + 1)); server 127.0.0.1:$((base + 2)); }
    upstream never { server 127.0.0.1:$((base + 1)) max_fails=0; server 127.0.0.1:$((base + 2)) max_fails=0; }
    server { listen 127.0.0.1:$((base + 3)); location / { proxy_pass http://default; } }
    server { listen 127.0.0.1:$((base + 4)); location / { proxy_pass http://never; } }
}
CONF
"$nginx" -c "$dir/nginx.conf" -e "$dir/error.log" & pids+=($!)
status() { curl -s -o /dev/null -m 10 -w '%{http_code}' "$@" || true; }
for port in 1 2 3 4; do
  for _ in $(seq 50); do [ "$(status "http://127.0.0.1:$((base + port))/")" = 200 ] && break; sleep 0.1; done
done
seen=
for port in 3 4; do
  url=http://127.0.0.1:$((base + port))
  row="POST $(status -d x "$url/"), refused GETs $(status "$url/full") $(status "$url/full")"
  row="$row, POST after them $(status -d x "$url/")"
  echo "$([ $port = 3 ] && echo 'default max_fails' || echo 'max_fails=0      '): $row"
  seen="$seen$row;"
done
echo "'no live upstreams' in nginx's log: $(grep -c 'no live upstreams' error.log)"
[ "$seen" = "POST 200, refused GETs 503 502, POST after them 502;POST 200, refused GETs 503 503, POST after them 200;" ]
