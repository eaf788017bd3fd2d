import { transactionId } from '../src/index.js';

export interface Call {
    readonly url: string;
    readonly path: string;
    readonly method: string;
    readonly body: Uint8Array | null;
}

export type Handler = (call: Call, signal: AbortSignal | undefined) => Response | Promise<Response>;

/** Stands in for the network: validators by host, and a record of what they were asked. */
export class FakeNetwork {
    readonly calls: Call[] = [];
    readonly #validators = new Map<string, Handler>();

    add(name: string, handler: Handler): string {
        this.#validators.set(name, handler);
        return `http://${name}`;
    }

    readonly fetch: typeof fetch = async (input, init) => {
        const address = new URL(String(input));
        const body = init?.body instanceof Uint8Array ? init.body : null;
        const call = { url: address.host, path: address.pathname + address.search, method: init?.method ?? 'GET', body };
        this.calls.push(call);
        const handler = this.#validators.get(address.host);
        if (handler === undefined) {
            throw new TypeError('connection refused');
        }
        return handler(call, init?.signal ?? undefined);
    };

    /** `VALIDATOR METHOD PATH` of each call. */
    get log(): string[] {
        return this.calls.map((call) => `${call.url} ${call.method} ${call.path}`);
    }
}

export function json(body: unknown, status = 200): Response {
    return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });
}

export function problem(status: number, type: string, retryAfter?: number, more: object = {}): Response {
    const headers = new Headers({ 'content-type': 'application/problem+json' });
    if (retryAfter !== undefined) {
        headers.set('retry-after', `${retryAfter}`);
    }
    return new Response(JSON.stringify({ type: `urn:validator:problem:${type}`, status, detail: 'as told', ...more }), {
        status,
        headers,
    });
}

/** An event of the stream as a validator sends it. */
export function event(index: number, text: string, id?: string): string {
    const bytes = new TextEncoder().encode(text);
    const data = { index, block: index + 1, id: id ?? transactionId(bytes), kind: 0, bytes: btoa(text) };
    return `id: 0011223344556677-${index}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** A stream that ends after these parts, or stays open. */
export function stream(parts: readonly string[], open: boolean, signal: AbortSignal | undefined): Response {
    const body = new ReadableStream<Uint8Array>({
        start(controller) {
            parts.forEach((part) => controller.enqueue(new TextEncoder().encode(part)));
            if (open) {
                signal?.addEventListener('abort', () => controller.error(signal.reason), { once: true });
            } else {
                controller.close();
            }
        },
    });
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}
