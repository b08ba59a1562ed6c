<?php
// A small app with a login, with Symfony's own sessions and firewall: served by `php -d limpet.redis=PORT -S …`.
use Symfony\Component\EventDispatcher\EventDispatcher;
use Symfony\Component\HttpFoundation\JsonResponse;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpFoundation\RequestStack;
use Symfony\Component\HttpFoundation\Session\Session;
use Symfony\Component\HttpFoundation\Session\Storage\Handler\RedisSessionHandler;
use Symfony\Component\HttpFoundation\Session\Storage\NativeSessionStorage;
use Symfony\Component\HttpKernel\Event\RequestEvent;
use Symfony\Component\HttpKernel\Event\ResponseEvent;
use Symfony\Component\HttpKernel\HttpKernelInterface;
use Symfony\Component\HttpFoundation\Response;
use Symfony\Component\Security\Core\Authentication\Token\Storage\TokenStorage;
use Symfony\Component\Security\Core\Authentication\Token\UsernamePasswordToken;
use Symfony\Component\Security\Core\User\InMemoryUser;
use Symfony\Component\Security\Core\User\UserInterface;
use Symfony\Component\Security\Core\User\UserProviderInterface;
use Symfony\Component\Security\Http\Firewall\ContextListener;

require_once 'Symfony/Component/HttpFoundation/autoload.php';
require_once 'Symfony/Component/HttpKernel/autoload.php';
require_once 'Symfony/Component/EventDispatcher/autoload.php';
require_once 'Symfony/Component/Security/Core/autoload.php';
require_once 'Symfony/Component/Security/Http/autoload.php';

/** Knows everybody. */
class Everybody implements UserProviderInterface
{
    public function loadUserByIdentifier(string $identifier): UserInterface
    {
        return new InMemoryUser($identifier, 'secret', ['ROLE_USER']);
    }

    public function loadUserByUsername(string $username)
    {
        return $this->loadUserByIdentifier($username);
    }

    public function refreshUser(UserInterface $user): UserInterface
    {
        return $this->loadUserByIdentifier($user->getUserIdentifier());
    }

    public function supportsClass(string $class): bool
    {
        return $class === InMemoryUser::class;
    }
}

/** The app itself: what stands between the firewall's two halves. */
class Kernel implements HttpKernelInterface
{
    private $tokens;
    private $firewall;
    private $events;

    public function __construct()
    {
        $this->tokens = new TokenStorage();
        $this->events = new EventDispatcher();
        $this->firewall = new ContextListener($this->tokens, [new Everybody()], 'main', null, $this->events);
    }

    public function handle(Request $request, int $type = 1, bool $catch = true): Response
    {
        $event = new RequestEvent($this, $request, HttpKernelInterface::MAIN_REQUEST);
        $this->firewall->authenticate($event);
        $answer = $this->answer($request);
        $this->firewall->onKernelResponse(new ResponseEvent($this, $request, HttpKernelInterface::MAIN_REQUEST, $answer));
        return $answer;
    }

    private function answer(Request $request): Response
    {
        $session = $request->getSession();
        switch ($request->getPathInfo()) {
            case '/login':
                // As SessionAuthenticationStrategy does.
                $session->migrate(true);
                $user = new InMemoryUser($request->query->get('user'), 'secret', ['ROLE_USER']);
                $this->tokens->setToken(new UsernamePasswordToken($user, 'main', $user->getRoles()));
                return new JsonResponse(['ok' => true]);
            case '/visit':
                $session->set('cart', [['sku' => 'A|1', 'qty' => 2]]);
                return new JsonResponse(['ok' => true]);
            case '/logout':
                $this->tokens->setToken(null);
                $session->invalidate();
                return new JsonResponse(['ok' => true]);
            default:
                $token = $this->tokens->getToken();
                $user = $token === null ? null : $token->getUserIdentifier();
                return new JsonResponse([
                    'user' => $user,
                    'told' => $request->headers->get('Limpet-User'),
                    'verdict' => $request->headers->get('Limpet-Session'),
                ], $user === null ? 401 : 200);
        }
    }
}

$redis = new Redis();
$redis->connect('127.0.0.1', (int) get_cfg_var('limpet.redis'));
$storage = new NativeSessionStorage(['cookie_httponly' => true], new RedisSessionHandler($redis));
$request = Request::createFromGlobals();
$request->setSession(new Session($storage));
$answer = (new Kernel())->handle($request);
$request->getSession()->save();
$answer->send();
