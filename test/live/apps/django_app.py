# A small app with a login, with Django's own users and sessions: `python3 django_app.py ENGINE PORT DATABASE SECRET [CACHE [AGE]]`.
# DATABASE: an SQLite file or mysql://…; CACHE: host:port of Memcached, or -; AGE: of sessions, seconds.
import sys
from urllib.parse import unquote, urlsplit
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

engine, port, database, secret = sys.argv[1:5]
cache = sys.argv[5] if len(sys.argv) > 5 else "-"
age = int(sys.argv[6]) if len(sys.argv) > 6 else 600


def databases():
    if not database.startswith("mysql:"):
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": database}
    url = urlsplit(database)
    return {
        "ENGINE": "django.db.backends.mysql",
        "HOST": url.hostname,
        "PORT": url.port,
        "USER": url.username,
        "PASSWORD": unquote(url.password or ""),
        "NAME": url.path[1:],
    }


def caches():
    if cache == "-":
        return {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}
    return {"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache", "LOCATION": cache}


settings.configure(
    SECRET_KEY=secret,
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={"default": databases()},
    CACHES={"default": caches()},
    SESSION_COOKIE_AGE=age,
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    SESSION_ENGINE=f"django.contrib.sessions.backends.{engine}",
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    USE_TZ=True,
)
django.setup()

from django.contrib import auth  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402


def login(request):
    user, _ = User.objects.get_or_create(username=request.GET["user"])
    auth.login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return JsonResponse({"ok": True})


def visit(request):
    request.session["cart"] = [1]
    return JsonResponse({"ok": True})


def logout(request):
    auth.logout(request)
    return JsonResponse({"ok": True})


def me(request):
    user = str(request.user.pk) if request.user.is_authenticated else None
    headers = request.headers
    told = {"user": user, "told": headers.get("Limpet-User"), "verdict": headers.get("Limpet-Session")}
    return JsonResponse(told, status=401 if user is None else 200)


urlpatterns = [path("login", login), path("visit", visit), path("logout", logout), path("me", me)]


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


call_command("migrate", verbosity=0)
server = make_server("127.0.0.1", int(port), get_wsgi_application(), handler_class=Quiet)
print("ready", flush=True)
server.serve_forever()
