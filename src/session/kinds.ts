// The closed table of session formats: a new one is a file in formats/, a row here and a page in the docs.
import type { FormatKind } from './format.ts';
import { aspnetcoreAuth, aspnetcoreSession } from './formats/aspnetcore.ts';
import { authjs, nextauth } from './formats/authjs.ts';
import { cookieSession } from './formats/cookie-session.ts';
import { devise } from './formats/devise.ts';
import { django } from './formats/django.ts';
import { expressSession } from './formats/express-session.ts';
import { fastifySecureSession } from './formats/fastify-secure-session.ts';
import { fastifySession } from './formats/fastify-session.ts';
import { flask } from './formats/flask.ts';
import { flaskLogin } from './formats/flask-login.ts';
import { flaskSession } from './formats/flask-session.ts';
import { gorilla } from './formats/gorilla.ts';
import { http } from './formats/http.ts';
import { ironSession } from './formats/iron-session.ts';
import { jwt } from './formats/jwt.ts';
import { koaSession } from './formats/koa-session.ts';
import { laravel } from './formats/laravel.ts';
import { opaque } from './formats/opaque.ts';
import { phoenix } from './formats/phoenix.ts';
import { php } from './formats/php.ts';
import { rackCookie } from './formats/rack-cookie.ts';
import { rackSession } from './formats/rack-session.ts';
import { railsCookie } from './formats/rails-cookie.ts';
import { railsStore } from './formats/rails-store.ts';
import { scs } from './formats/scs.ts';
import { signedCookie } from './formats/signed-cookie.ts';
import { springSession } from './formats/spring-session.ts';
import { starlette } from './formats/starlette.ts';
import { symfony } from './formats/symfony.ts';

/** Every format by the name that `verify` uses. */
export const FORMAT_KINDS = {
  'express-session': expressSession,
  'cookie-session': cookieSession,
  'koa-session': koaSession,
  'fastify-session': fastifySession,
  php,
  laravel,
  symfony,
  'spring-session': springSession,
  'aspnetcore-auth': aspnetcoreAuth,
  'aspnetcore-session': aspnetcoreSession,
  phoenix,
  gorilla,
  scs,
  'fastify-secure-session': fastifySecureSession,
  'iron-session': ironSession,
  nextauth,
  authjs,
  http,
  jwt,
  opaque,
  'signed-cookie': signedCookie,
  flask,
  'flask-login': flaskLogin,
  'flask-session': flaskSession,
  starlette,
  django,
  'rack-cookie': rackCookie,
  'rack-session': rackSession,
  'rails-cookie': railsCookie,
  'rails-store': railsStore,
  devise,
} as const satisfies Readonly<Record<string, FormatKind>>;

export type FormatName = keyof typeof FORMAT_KINDS;
