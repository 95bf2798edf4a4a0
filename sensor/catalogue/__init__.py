"""The endpoint map: which APIs the calls went to, found from traffic alone, what they carry, and how that compares with what was declared.

Every `Endpoint` of the map has, beside its counts:

* `schema`, an `EndpointSchema`: `.query` and `.headers` (a `Schema` whose properties are the parameters), `.request` and `.responses[status]` (a `Body`:
  `.content[media_type]` is a `Schema`, `.schema` the one seen most, `.seen .looked .parsed .malformed .incomplete` say what it rests on, `.whole` whether
  every body was read), `.operations[name]` (the same again for a GraphQL, JSON-RPC or SOAP operation), `.absorb(other)`;
* `data_classes`, a list of `DataClass` (`field name detail count seen confidence`), made anew from the schema by `classify()`;
* `authentication`, an `Authentication`: `.schemes` (scheme: calls answered), `.refused` (scheme: calls answered 401 or 403), `.weaknesses`, masked
  `.examples`, `.names`, `.kind` (none, mixed, several, unknown, or the scheme), `.absorb(other)`. Authentication is *lost* where `kind` was a scheme and
  `none` now stands in `.schemes`.

`Catalogue.endpoints()` fills all three from what was learned so far (`learning.Learner`), anew when calls came since; join what was saved after it.

All of them write plain data with `to_json` and read it back with `from_json`, versioned; so does `Endpoint` itself. `Schema.merge` is commutative and
associative; `Schema.to_json_schema(dialect, bounds, closed)` gives JSON Schema 2020-12 (OpenAPI 3.1) or OpenAPI 3.0's own: give `bounds=body.whole`, since not
every body is read (`structure.Sampler` says which are).
"""

from sensor.catalogue.authentication import Authentication
from sensor.catalogue.catalogue import Catalogue, CatalogueLimits, Endpoint
from sensor.catalogue.contents import Body, EndpointSchema
from sensor.catalogue.data_classes import DataClass
from sensor.catalogue.schema import Schema

__all__ = ["Authentication", "Body", "Catalogue", "CatalogueLimits", "DataClass", "Endpoint", "EndpointSchema", "Schema"]
