# A small app with a login: `ruby rack_app.rb PORT SECRET…`, with Rack's session cookie.
require 'json'
require 'rack'

port, *secrets = ARGV
app = lambda do |env|
  request = Rack::Request.new(env)
  session = request.session
  status = 200
  body = { ok: true }
  case request.path
  when '/login'
    session['user_id'] = request.params['user'] == '42' ? 42 : request.params['user']
  when '/visit'
    session['cart'] = [1]
  when '/logout'
    session.clear
  else
    status = 401 if session['user_id'].nil?
    body = { user: session['user_id'], told: env['HTTP_LIMPET_USER'], verdict: env['HTTP_LIMPET_SESSION'] }
  end
  [status, { 'Content-Type' => 'application/json' }, [body.to_json]]
end
stack = Rack::Session::Cookie.new(app, key: 'rack.session', secret: secrets[0], old_secret: secrets[1])
$stdout.sync = true
require 'webrick'
Rack::Handler::WEBrick.run(
  stack,
  Host: '127.0.0.1',
  Port: Integer(port),
  Logger: WEBrick::Log.new(File::NULL),
  AccessLog: [],
  StartCallback: -> { puts 'ready' }
)
