# A small app with a login: `python3 flask_app.py KIND PORT STORE SECRET [LIFETIME]`, with Flask's own sessions or Flask-Session in Redis.
import logging
import sys

from flask import Flask, jsonify, request, session

kind, port, store, secret, *lifetime = sys.argv[1:]
logging.getLogger("werkzeug").setLevel(logging.ERROR)
app = Flask(__name__)
app.secret_key = secret
if lifetime:
    app.permanent_session_lifetime = int(lifetime[0])
if kind == "flask-session":
    import redis
    from flask_session import Session

    app.config.update(SESSION_TYPE="redis", SESSION_REDIS=redis.from_url(store), SESSION_USE_SIGNER=True)
    Session(app)


@app.get("/login")
def login():
    user = request.args["user"]
    session["user_id"] = 42 if user == "42" else user
    return jsonify(ok=True)


@app.get("/visit")
def visit():
    session["cart"] = [1]
    return jsonify(ok=True)


@app.get("/logout")
def logout():
    session.clear()
    return jsonify(ok=True)


@app.get("/me")
def me():
    user = session.get("user_id")
    headers = request.headers
    told = jsonify(user=user, told=headers.get("Limpet-User"), verdict=headers.get("Limpet-Session"))
    return told, 401 if user is None else 200


print("ready", flush=True)
app.run("127.0.0.1", int(port), threaded=True)
