"""python -m tests.accounts.provider FOLDER CALLBACK: serves until it is ended; prints its address.

In the folder: `key.pem`, made here. The people are those whom the tests name.
"""

import os
import sys
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

CLIENT_ID, SECRET, PASSWORD = (
    "throughline",
    "the secret of the client, long enough",
    "the password over there",
)
PEOPLE = {
    "bea": ("bea@quillhaven.example", ""),
    "unsure": ("ivo@quillhaven.example", "unverified"),
    "new": ("new@elsewhere.example", ""),
    "root": ("root@quillhaven.example", ""),
    # Whose capital letters are those of bea's address.
    "alike": ("bea@qu\u0131llhaven.example", ""),
}


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def make_key(path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(key.private_bytes(*form))


def fill(callback: str) -> None:
    from django.contrib.auth.models import User
    from oauth2_provider.models import Application

    for name, (email, last_name) in PEOPLE.items():
        User.objects.create_user(name, email, PASSWORD, last_name=last_name)
    Application.objects.create(
        name="Throughline",
        client_id=CLIENT_ID,
        client_secret=SECRET,
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        algorithm=Application.RS256_ALGORITHM,
        redirect_uris=callback,
        skip_authorization=True,
    )


def main(folder: str, callback: str) -> None:
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "tests.accounts.provider.settings",
        "PROVIDER_FOLDER": folder,
    }
    make_key(Path(folder) / "key.pem")
    django.setup()
    call_command("migrate", verbosity=0)
    fill(callback)
    server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet)
    print(f"http://127.0.0.1:{server.server_port}/o", flush=True)  # noqa: T201
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
