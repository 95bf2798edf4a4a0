"""nginx's configuration for the cases, and its access log as the ground truth of a capture."""

from __future__ import annotations

from pathlib import Path

# One JSON object a request that nginx answered, in the order in which it finished them. It logs requests it refuses (400) as well.
LOG_FORMAT = (
    'log_format truth escape=json \'{"time":"$msec","client":"$remote_addr","port":$remote_port,"server":"$server_addr","serial":$connection,'
    '"nth":$connection_requests,"method":"$request_method","host":"$http_host","target":"$request_uri","protocol":"$server_protocol",'
    '"status":$status,"bytes":$body_bytes_sent,"route":"$upstream_http_x_route","user":"$upstream_http_x_user","id":"$request_id",'
    '"agent":"$http_user_agent","completion":"$request_completion"}\';'
)


def write(folder: Path, servers: str, http: str = "") -> Path:
    """Writes nginx.conf in `folder` and returns its path; the access log is `folder`/access.log."""
    conf = folder / "nginx.conf"
    for name in ("body", "proxy"):
        (folder / name).mkdir(exist_ok=True)
        (folder / name).chmod(0o777)
    conf.write_text(
        f"""user www-data;
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
  {LOG_FORMAT}
  access_log {folder}/access.log truth;
  types {{ application/json json; text/html html; text/plain txt; application/octet-stream bin; }}
  default_type application/octet-stream;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  server_tokens off; keepalive_requests 1000; keepalive_timeout 65s; tcp_nodelay on;
  {http}
  {servers}
}}
"""
    )
    return conf


SHOP = """
  gzip on; gzip_types application/json text/plain; gzip_min_length 400; gzip_comp_level 5;
  upstream shop { server 127.0.0.1:9000; keepalive 8; }
  server {
    listen 10.20.0.2:80; server_name api.shop.example;
    location / {
      proxy_pass http://shop; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_hide_header X-Route; proxy_hide_header X-User;
      add_header X-Request-Id $request_id always;
    }
  }
"""
