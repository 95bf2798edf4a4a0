-- wrk: three requests in one write, and no more than a few of those writes.
local sent, request_text = 0, ""
function init(args)
  local one = {}
  one[1] = wrk.format("GET", "/healthz")
  one[2] = wrk.format("GET", "/api/v1/products?page=2")
  one[3] = wrk.format("GET", "/api/v1/products/SKU-1007")
  request_text = table.concat(one)
end
function request()
  sent = sent + 1
  return request_text
end
function delay()
  if sent < 6 then return 30 end
  return 60000
end
