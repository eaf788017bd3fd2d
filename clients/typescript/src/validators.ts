import { OrderError, ProblemError, UnreachableError } from './errors.js';
import { parseJson, toObject, toText } from './json.js';

export interface Transport {
    readonly fetch: typeof fetch;
    readonly token: string | null;
    /** The chain that all must be of; null: that of the first one that says. */
    readonly chainId: string | null;
    /** For one answer, milliseconds. */
    readonly timeoutMs: number;
    /** For all attempts together, milliseconds. */
    readonly patienceMs: number;
}

interface Validator {
    readonly url: string;
    /** It is asked again after this, milliseconds since the epoch. */
    restsUntil: number;
    failures: number;
    /** It has said that it is of the chain. */
    checked: boolean;
}

export interface Request {
    readonly method?: 'GET' | 'POST';
    readonly body?: Uint8Array;
    readonly accept?: string;
}

const FIRST_REST_MS = 100;
const LONGEST_REST_MS = 5_000;

/** Statuses after which another validator, or the same one later, may do better; nothing else is tried again. */
const ELSEWHERE = new Set([408, 429, 500, 502, 503, 504, 507]);

export function mayDoBetterElsewhere(error: unknown): boolean {
    return error instanceof UnreachableError || (error instanceof ProblemError && ELSEWHERE.has(error.status));
}

/** For a token whose roles are not enough: with the role submit alone a client may not read. */
const NOT_ALLOWED = new Set([401, 403]);

export function isNotAllowed(error: unknown): boolean {
    return error instanceof ProblemError && NOT_ALLOWED.has(error.status);
}

/** The validators of a client: one is asked until it fails, and then the next that does not rest. */
export class Validators {
    readonly #all: readonly Validator[];
    readonly #transport: Transport;
    #chainId: string | null;
    #current = 0;

    constructor(urls: readonly string[], transport: Transport) {
        if (urls.length === 0) {
            throw new TypeError('a client has at least one validator');
        }
        this.#all = urls.map((url) => ({ url: url.replace(/\/+$/, ''), restsUntil: 0, failures: 0, checked: false }));
        this.#transport = transport;
        this.#chainId = transport.chainId;
    }

    /** Null while nobody has said. */
    get chainId(): string | null {
        return this.#chainId;
    }

    get urls(): readonly string[] {
        return this.#all.map((validator) => validator.url);
    }

    /**
     * Calls `attempt` with one validator after the other until it succeeds, fails for good, or patience ends. After a failure
     * the validator rests: as long as it asked for, or a little longer each time.
     * @param elsewhere Whether another attempt may do better.
     */
    async persist<T>(
        attempt: (url: string) => Promise<T>,
        signal: AbortSignal | undefined,
        elsewhere: (error: unknown) => boolean = mayDoBetterElsewhere,
    ): Promise<T> {
        const end = Date.now() + this.#transport.patienceMs;
        for (;;) {
            const validator = this.#next();
            const wait = validator.restsUntil - Date.now();
            if (wait > 0) {
                await sleep(Math.min(wait, Math.max(0, end - Date.now())), signal);
            }
            signal?.throwIfAborted();
            try {
                await this.check(validator.url, signal);
                const value = await attempt(validator.url);
                validator.failures = 0;
                return value;
            } catch (error) {
                signal?.throwIfAborted();
                this.fail(validator.url, error);
                if (!elsewhere(error) || Date.now() >= end) {
                    throw error;
                }
            }
        }
    }

    /** Before the first request to a validator: that it is of the same chain as the others, as far as the token lets ask. */
    async check(url: string, signal: AbortSignal | undefined): Promise<void> {
        const validator = this.#all.find((each) => each.url === url);
        if (validator === undefined || validator.checked) {
            return;
        }
        try {
            const { body } = await this.json(url, '/v1/status', {}, signal);
            const chainId = toText(toObject(body, 'status')['chain_id'], 'chain_id');
            this.#chainId ??= chainId;
            if (chainId !== this.#chainId) {
                throw new OrderError(`${url} is of chain ${chainId}, and not of ${this.#chainId}`);
            }
        } catch (error) {
            if (!isNotAllowed(error)) {
                throw error;
            }
        }
        validator.checked = true;
    }

    /** It rests, and another one is preferred. */
    fail(url: string, error: unknown): void {
        const validator = this.#all.find((each) => each.url === url);
        if (validator !== undefined) {
            const after = error instanceof ProblemError ? error.retryAfter : null;
            const usual = Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** validator.failures);
            validator.failures++;
            validator.restsUntil = Date.now() + (after === null ? usual : 1000 * after);
            this.#current = (this.#all.indexOf(validator) + 1) % this.#all.length;
        }
    }

    /** One request to one validator: its answer where that is 2xx. */
    async ask(url: string, path: string, request: Request, signal: AbortSignal | undefined): Promise<Response> {
        const timeout = AbortSignal.timeout(this.#transport.timeoutMs);
        return this.open(url, path, request, signal === undefined ? timeout : AbortSignal.any([signal, timeout]), signal);
    }

    /** The same without a time limit, for streams; `signal` cuts the answer off. */
    async open(url: string, path: string, request: Request, signal: AbortSignal, caller?: AbortSignal): Promise<Response> {
        const headers: Record<string, string> = { accept: request.accept ?? 'application/json' };
        if (this.#transport.token !== null) {
            headers['authorization'] = `Bearer ${this.#transport.token}`;
        }
        if (request.body !== undefined) {
            headers['content-type'] = 'application/octet-stream';
        }
        try {
            const body = request.body === undefined ? {} : { body: request.body as Uint8Array<ArrayBuffer> };
            const response = await this.#transport.fetch(`${url}${path}`, {
                method: request.method ?? 'GET',
                headers,
                signal,
                ...body,
            });
            if (!response.ok) {
                const text = await response.text();
                throw ProblemError.of(url, response.status, response.headers, parseOrNull(text));
            }
            return response;
        } catch (error) {
            caller?.throwIfAborted();
            throw error instanceof ProblemError ? error : new UnreachableError(url, error);
        }
    }

    async json(
        url: string,
        path: string,
        request: Request,
        signal: AbortSignal | undefined,
    ): Promise<{ status: number; body: unknown }> {
        const response = await this.ask(url, path, request, signal);
        try {
            return { status: response.status, body: parseJson(await response.text()) };
        } catch (error) {
            signal?.throwIfAborted();
            throw new UnreachableError(url, error);
        }
    }

    async bytes(url: string, path: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
        const response = await this.ask(url, path, { accept: 'application/octet-stream' }, signal);
        try {
            return new Uint8Array(await response.arrayBuffer());
        } catch (error) {
            signal?.throwIfAborted();
            throw new UnreachableError(url, error);
        }
    }

    /** The preferred one, unless it rests; else the next, or the one that rests least. */
    #next(): Validator {
        const inTurn = [...this.#all.slice(this.#current), ...this.#all.slice(0, this.#current)];
        const now = Date.now();
        const first =
            inTurn.find((validator) => validator.restsUntil <= now) ??
            inTurn.reduce((least, each) => (each.restsUntil < least.restsUntil ? each : least));
        this.#current = this.#all.indexOf(first);
        return first;
    }
}

function parseOrNull(text: string): unknown {
    try {
        return parseJson(text);
    } catch {
        return null;
    }
}

export function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
        const stop = (): void => {
            clearTimeout(timer);
            reject(signal?.reason);
        };
        const timer = setTimeout(() => {
            signal?.removeEventListener('abort', stop);
            resolve();
        }, milliseconds);
        if (signal?.aborted === true) {
            stop();
        } else {
            signal?.addEventListener('abort', stop, { once: true });
        }
    });
}
