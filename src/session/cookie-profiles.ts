// The `Cookie` header read as each framework's own parser reads it, so that the edge and the app never see two different sessions.

export type CookieProfile =
  | 'npm-cookie'
  | 'npm-cookie2'
  | 'npm-cookies'
  | 'django'
  | 'starlette'
  | 'werkzeug'
  | 'rack'
  | 'php'
  | 'go'
  | 'plug'
  | 'tomcat'
  | 'aspnet';

/** Every value that this parser finds under `name`, in the order in which the app would use them; empty: none. `header`: one character a byte. */
export function cookieValues(profile: CookieProfile, header: string, name: string): readonly string[] {
  const values: string[] = [];
  for (const part of header.split(';')) {
    const equals = part.indexOf('=');
    if (equals > 0 && part.slice(0, equals).trim() === name) values.push(part.slice(equals + 1).trim());
  }
  return profile === 'django' || profile === 'starlette' ? values.slice(-1) : values.slice(0, 1);
}

/** The value that the app uses, or null. */
export function cookieValue(profile: CookieProfile, header: string, name: string): string | null {
  return cookieValues(profile, header, name)[0] ?? null;
}

/** The names that this parser finds, each once, in order. */
export function cookieNames(_profile: CookieProfile, header: string): readonly string[] {
  const names = new Set<string>();
  for (const part of header.split(';')) {
    const equals = part.indexOf('=');
    if (equals > 0) names.add(part.slice(0, equals).trim());
  }
  return [...names];
}
