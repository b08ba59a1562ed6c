<?php
// A PHP app with PHP's own sessions, whose files belong to this instance alone.
$name = getenv('APP_NAME');
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$json = function ($value, $status = 200) {
    http_response_code($status);
    header('Content-Type: application/json');
    echo json_encode($value);
};
switch ("{$_SERVER['REQUEST_METHOD']} $path") {
    case 'GET /':
        echo $name;
        break;
    case 'POST /login':
        session_start();
        $_SESSION['user'] = $_POST['user'];
        $json(['app' => $name]);
        break;
    case 'GET /me':
        session_start();
        $user = $_SESSION['user'] ?? null;
        $json(['app' => $name, 'user' => $user, 'cookie' => $_SERVER['HTTP_COOKIE'] ?? ''], $user ? 200 : 401);
        break;
    case 'POST /upload':
        $body = file_get_contents('php://input');
        $json(['bytes' => strlen($body), 'sha256' => hash('sha256', $body)]);
        break;
    case 'GET /download':
        header('Content-Type: application/octet-stream');
        echo substr(str_repeat('limpet ', intdiv((int) $_GET['bytes'], 7) + 1), 0, (int) $_GET['bytes']);
        break;
    default:
        $json(['app' => $name], 404);
}
