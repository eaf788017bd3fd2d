/**
 * The nonces of one account. A nonce counts when it is above the account's highest, or at most 63 below it, so no more than
 * half as many are under way at a time: whatever their order is, none comes too late.
 */
export class Nonces {
    #next: bigint | null = null;
    #asked: Promise<void> | null = null;
    #underWay = 0;
    readonly #waiting: (() => void)[] = [];

    static readonly MOST_UNDER_WAY = 32;

    /** @param highest Asks for the highest nonce that was accepted. */
    constructor(readonly highest: () => Promise<bigint>) {}

    /** Calls `use` with a nonce that it has not given before. */
    async with<T>(use: (nonce: bigint) => Promise<T>): Promise<T> {
        if (this.#underWay >= Nonces.MOST_UNDER_WAY) {
            await new Promise<void>((resume) => this.#waiting.push(resume));
        } else {
            this.#underWay++;
        }
        try {
            this.#asked ??= this.#ask();
            await this.#asked;
            const nonce = this.#next ?? 1n;
            this.#next = nonce + 1n;
            return await use(nonce);
        } finally {
            const resume = this.#waiting.shift();
            if (resume === undefined) {
                this.#underWay--;
            } else {
                resume();
            }
        }
    }

    /** Somebody else signs with this key: asks again before the next one. */
    refresh(): void {
        this.#asked = null;
    }

    async #ask(): Promise<void> {
        try {
            const next = (await this.highest()) + 1n;
            this.#next = this.#next === null || next > this.#next ? next : this.#next;
        } catch (error) {
            this.#asked = null;
            throw error;
        }
    }
}
