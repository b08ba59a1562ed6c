// What an app's path is for, and which answers send a user to log in.
import t from 'tap';
import { LoginPaths, PATH_FOR } from '../../src/pool/login-paths.ts';

const usual = new LoginPaths({ login: [], ignore: [] });
const own = new LoginPaths({
  login: ['/members/enter', 'https://id.example.com/realms/'],
  ignore: ['/wizard'],
});

t.test('paths are known by the words that apps name them with', async (t) => {
  for (const path of [
    '/login',
    '/users/sign_in',
    '/de/Login/?next=/',
    '/account/LogIn.aspx',
    '/log-in',
    '/auth/x',
    '/sso',
    '/oauth2/callback?code=1',
    '/sign-up',
    'http://a.example/login',
  ])
    t.equal(usual.purposeOf(path), PATH_FOR.login, path);
  for (const path of ['/logout', '/users/sign_out', '/x/SignOff.do?y', '/log_out/'])
    t.equal(usual.purposeOf(path), PATH_FOR.logout, path);
  for (const path of [
    '/',
    '',
    '*',
    '/logins',
    '/blog-in',
    '/search?q=/login',
    '/author',
    '/authors/1',
    '/a.login',
    '/members/enter',
  ])
    t.equal(usual.purposeOf(path), PATH_FOR.app, path);
});

t.test('the config adds paths, by segments', async (t) => {
  t.equal(own.purposeOf('/members/enter/step?2'), PATH_FOR.login);
  t.equal(own.purposeOf('/members/entered'), PATH_FOR.app);
  t.equal(own.purposeOf('/wizard/2'), PATH_FOR.other);
});

t.test('an answer asks for a login by its status, or by where it leads', async (t) => {
  t.ok(usual.asksForLogin(401, ''));
  for (const to of [
    '/login',
    'http://shop.example/users/sign_in?x',
    '//shop.example/login',
    'https://id.example.com/authorize?client_id=a&response_type=code',
    'https://id.example.com/sso?SAMLRequest=x',
  ]) {
    t.ok(usual.asksForLogin(302, to), to);
    t.ok(usual.asksForLogin(303, to), to);
  }
  for (const [status, to] of [
    [200, '/login'],
    [301, '/login'],
    [403, ''],
    [302, '/'],
    [302, ''],
    [302, '/account?from=/login'],
    [302, '/search?response_type=x'],
    [302, `/login/${'x'.repeat(5000)}`],
    [302, 'https://id.example.com/realms/shop'],
    [302, '/members/enter'],
  ] as const)
    t.notOk(usual.asksForLogin(status, to), `${status} ${to.slice(0, 40)}`);
  t.ok(own.asksForLogin(302, 'https://id.example.com/realms/shop'));
  t.ok(own.asksForLogin(302, 'https://shop.example/members/enter'));
});
