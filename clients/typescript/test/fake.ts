import { transactionId } from '../src/index.js';

export interface Call {
    readonly url: string;
    readonly path: string;
    readonly method: string;
    readonly body: Uint8Array | null;
    readonly token: string | null;
}

export type Handler = (call: Call, signal: AbortSignal | undefined) => Response | Promise<Response>;

export const CHAIN_ID = '00112233445566778899aabbccddeeff'.repeat(2);

/** Stands in for the network: validators by host, who say what chain they are of, and a record of what else they were asked. */
export class FakeNetwork {
    readonly calls: Call[] = [];
    readonly #validators = new Map<string, { handler: Handler; status: Handler }>();

    add(name: string, handler: Handler, status: Handler = () => statusOf(CHAIN_ID)): string {
        this.#validators.set(name, { handler, status });
        return `http://${name}`;
    }

    readonly fetch: typeof fetch = async (input, init) => {
        const address = new URL(String(input));
        const body = init?.body instanceof Uint8Array ? init.body : null;
        const token = new Headers(init?.headers).get('authorization');
        const call = { url: address.host, path: address.pathname + address.search, method: init?.method ?? 'GET', body, token };
        const validator = this.#validators.get(address.host);
        const handler = call.path === '/v1/status' ? validator?.status : validator?.handler;
        if (handler !== validator?.status) {
            this.calls.push(call);
        }
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

export function statusOf(chainId: string): Response {
    const numbers = { epoch: 0, view: 0, final_sequence: 1, executed_sequence: 1, first_final_index: 0, next_final_index: 5 };
    return json({ node: 'node-1', chain_id: chainId, ready: true, reason: '', ...numbers });
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
