// A `Cookie` field without the cookies that carry a session, whichever parser reads it.
import t from 'tap';
import { CarriedCookies } from '../../src/session/carried-cookies.ts';
import { type CookieProfile, cookieNames, cookieValue } from '../../src/session/cookie-profiles.ts';

const PROFILES: readonly CookieProfile[] = [
  'npm-cookie',
  'npm-cookie2',
  'npm-cookies',
  'django',
  'starlette',
  'werkzeug',
  'rack',
  'php',
  'go',
  'plug',
  'tomcat',
  'aspnet',
];
const carried = new CarriedCookies(['app.sid', 'app.sid.sig', 'next-auth.token*']);

t.test('they go, with their pieces and signatures, and all else stays as it is', async (t) => {
  t.equal(carried.without('a=1; app.sid=x; b="2"'), 'a=1; b="2"');
  t.equal(carried.without('app.sid=x'), '');
  t.equal(carried.without('app.sid=x; app.sid.sig=y; next-auth.token.0=z; next-auth.token=w'), '');
  t.equal(carried.without('app.sid2=1; xapp.sid=2; app=3'), 'app.sid2=1; xapp.sid=2; app=3');
  t.equal(carried.without('a=1,2; b=x=y;; c'), 'a=1,2; b=x=y; c');
  t.equal(carried.without(''), '');
});

t.test('whatever way they are spelled, no parser finds them afterwards', async (t) => {
  for (const header of [
    'app.sid=x; app.sid=y',
    ' app.sid =x;\tapp.sid\t=y',
    'app_sid=x; app.sid=y; app%2Esid=z; a[pp=1',
    'app sid=x; APP.SID=y',
    'a="b; app.sid=x"; c=1',
    'app.sid="x; y=1"; c=1',
    'a=1, app.sid=x; c=1',
    'app.sid=x, a=1; c=1',
    '"app.sid"=x; c=1',
    'app.sid; c=1',
    'c=1;app.sid=x;;app.sid=',
    'app.sid=%61; c=1',
  ]) {
    const rest = carried.without(header);
    for (const profile of PROFILES) {
      t.equal(cookieValue(profile, rest, 'app.sid'), null, `${profile}: ${header}`);
      t.notOk(
        cookieNames(profile, rest).some((name) => carried.has(name)),
        `${profile}: ${header}`,
      );
    }
  }
});

t.test('none are named: none go', async (t) => {
  t.equal(new CarriedCookies([]).without('a=1; b=2'), 'a=1; b=2');
  t.equal(
    new CarriedCookies(['*']).without('a=1; b=2'),
    '',
    'all of them, where a service is asked with all',
  );
});
