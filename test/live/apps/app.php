<?php
// A small app with a login, for PHP's own sessions; its settings come from the command line.
session_start();
header('Content-Type: application/json');
switch (parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH)) {
    case '/login':
        session_regenerate_id(true);
        $_SESSION['user_id'] = $_GET['user'] === '42' ? 42 : $_GET['user'];
        echo '{"ok":true}';
        break;
    case '/visit':
        $_SESSION['cart'] = [['sku' => 'A|1', 'qty' => 2]];
        echo '{"ok":true}';
        break;
    case '/logout':
        session_destroy();
        echo '{"ok":true}';
        break;
    case '/collect':
        echo json_encode(['collected' => session_gc()]);
        break;
    default:
        http_response_code(isset($_SESSION['user_id']) ? 200 : 401);
        echo json_encode([
            'user' => $_SESSION['user_id'] ?? null,
            'told' => $_SERVER['HTTP_LIMPET_USER'] ?? null,
            'verdict' => $_SERVER['HTTP_LIMPET_SESSION'] ?? null,
        ]);
}
