# A small Rails app with a login: `ruby rails_app.rb STORE PORT REDIS SECRET [AGE]`, with the settings of Rails 6.1.
# STORE: cookie (as a new app has it, in JSON), marshal (as an app without that initializer has it) or cache (RedisCacheStore);
# REDIS: its URL, or -; AGE: of sessions, seconds.
# ActiveSupport 6.1 leaves it to others to load it, and not all of them do.
require 'logger'
require 'action_controller/railtie'
require 'rack/handler/webrick'

STORE, PORT, REDIS, SECRET, AGE = ARGV

class SmallApp < Rails::Application
  config.load_defaults 6.1
  config.root = __dir__
  config.eager_load = true
  config.consider_all_requests_local = false
  config.secret_key_base = SECRET
  config.hosts.clear
  config.log_level = :fatal
  config.logger = Logger.new(File::NULL)
  # The initializer of a new app says json; without one it is Marshal.
  config.action_dispatch.cookies_serializer = :json unless STORE == 'marshal'
  ends = AGE.nil? ? {} : { expire_after: Integer(AGE) }
  if STORE == 'cache'
    config.cache_store = :redis_cache_store, { url: REDIS, namespace: 'shop' }
    config.session_store :cache_store, key: '_shop_session', **ends
  else
    config.session_store :cookie_store, key: '_shop_session', **ends
  end
end

class PagesController < ActionController::Base
  def login
    reset_session
    session[:user_id] = params[:user] == '42' ? 42 : params[:user]
    session[:seen] = { 'at' => [1.5, nil, true], 'name' => 'Zoë' }
    render json: { ok: true }
  end

  def visit
    session[:cart] = [1]
    render json: { ok: true }
  end

  def logout
    reset_session
    render json: { ok: true }
  end

  def me
    user = session[:user_id]
    told = { user: user, told: request.headers['Limpet-User'], verdict: request.headers['Limpet-Session'] }
    render json: told, status: user.nil? ? 401 : 200
  end
end

SmallApp.initialize!
Rails.application.routes.draw do
  %w[login visit logout me].each { |name| get "/#{name}", to: "pages##{name}" }
end
$stdout.sync = true
Rack::Handler::WEBrick.run(
  SmallApp,
  Host: '127.0.0.1',
  Port: Integer(PORT),
  Logger: WEBrick::Log.new(File::NULL),
  AccessLog: [],
  StartCallback: -> { puts 'ready' }
)
