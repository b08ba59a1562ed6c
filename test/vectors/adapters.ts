// What an operator would write for each kind of vector: the vectors' own words turned into those of a session block.

import { authjs } from './adapters/authjs.ts';
import { django } from './adapters/django.ts';
import { expressSession } from './adapters/express-session.ts';
import { flask } from './adapters/flask.ts';
import { flaskLogin } from './adapters/flask-login.ts';
import { flaskSession } from './adapters/flask-session.ts';
import { gorilla, phoenix, scs } from './adapters/go-and-elixir.ts';
import { aspnetcore, springSession } from './adapters/java-and-net.ts';
import { jwt } from './adapters/jwt.ts';
import { cookieSession, fastifySession, koaSession } from './adapters/node-cookies.ts';
import { laravel, phpNative, symfony } from './adapters/php.ts';
import { rackCookie, rackSession, railsCookie, railsStore } from './adapters/ruby.ts';
import { fastifySecureSession, ironSession } from './adapters/sealed-cookies.ts';
import { starlette } from './adapters/starlette.ts';
import type { Configured, Vector } from './judge.ts';

/** By the vector's `kind`. */
export const ADAPTERS: Readonly<Record<string, (vector: Vector) => Configured>> = {
  'express-session': expressSession,
  'cookie-session': cookieSession,
  'koa-session': koaSession,
  'fastify-session': fastifySession,
  'fastify-secure-session': fastifySecureSession,
  'iron-session': ironSession,
  authjs,
  jwt,
  'php-native': phpNative,
  laravel,
  symfony,
  'spring-session': springSession,
  aspnetcore,
  gorilla,
  scs,
  phoenix,
  flask,
  'flask-login': flaskLogin,
  'flask-session': flaskSession,
  starlette,
  django,
  'rack-cookie': rackCookie,
  'rack-session2': rackSession,
  'rails-cookie': railsCookie,
  'rails-store': railsStore,
};
