import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { needsLogin } from './api.ts';
import type { Callers } from './callers.ts';
import { type Found, findFile, segmentsOf } from './files.ts';
import { MOUNT_POLICY } from './headers.ts';

export interface PagesOptions {
  /** The folder of our own page; it may not be there. */
  readonly page: string | undefined;
  /** A folder whose files a person wants to be served (`http.mount`). */
  readonly mount: string | undefined;
  readonly callers: Callers;
}

/** Our page is always here as well, also when a mounted file has taken its place at "/". */
const OWN = '/hedgerow/';

/** What is shown where there is no page. Without a style: nothing inline is allowed. */
const PLACEHOLDER = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Hedgerow</title></head><body>
<h1>Hedgerow</h1>
<p>This router is looked after by Hedgerow. Served here:</p>
<ul>
<li><code>POST /api/rpc</code>: every command and view, as JSON-RPC 2.0</li>
<li><code>/mqtt</code>: MQTT over WebSocket</li>
<li><a href="/metrics">/metrics</a>: for Prometheus</li>
<li><a href="/healthz">/healthz</a>: whether it is well</li>
</ul>
</body></html>
`;

/**
 * Files: those of a mounted folder where they exist, for whoever may read; then those of our page, for everybody, because
 * it has the login. Nothing else of the router's disk.
 */
export function offerPages(app: FastifyInstance, { page, mount, callers }: PagesOptions): void {
  app.register(fastifyStatic, { serve: false, dotfiles: 'deny', preCompressed: true, cacheControl: false });

  app.get('/*', async (request, reply) => {
    const path = request.raw.url?.split(/[?#]/, 1)[0] ?? '';
    const segments = segmentsOf(path);
    if (segments === undefined) return reply.callNotFound();
    const gzip = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));

    const isOwn = path.startsWith(OWN);
    const mounted = isOwn || mount === undefined ? undefined : await findFile(mount, segments, gzip);
    if (mount !== undefined && mounted !== undefined) {
      if (callers.of(request).rights === 'none') return askForLogin(request, reply);
      reply.headers({ 'cache-control': 'no-cache', 'content-security-policy': MOUNT_POLICY });
      return send(reply, path, mounted, mount);
    }
    const inside = isOwn ? segments.slice(1) : segments;
    const ours = page === undefined ? undefined : await findFile(page, inside, gzip);
    if (page !== undefined && ours !== undefined) {
      // The build names its assets by their content.
      const forever = inside[0] === 'assets';
      reply.header('cache-control', forever ? 'public, max-age=31536000, immutable' : 'no-cache');
      return send(reply, path, ours, page);
    }
    if (inside.length === 1 && inside[0] === '')
      return reply.type('text/html; charset=utf-8').send(PLACEHOLDER);
    return reply.callNotFound();
  });
}

function send(reply: FastifyReply, path: string, found: Found, root: string): FastifyReply {
  // Without the "/" what it links to would be looked for one folder up. A path has no "//": it stays on this host.
  return 'folder' in found ? reply.redirect(`${path}/`, 301) : reply.sendFile(found.file, root);
}

/** A person is shown where to log in; a program is told. */
function askForLogin(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (/\btext\/html\b/.test(request.headers.accept ?? '')) return reply.redirect(OWN, 303);
  throw needsLogin();
}
