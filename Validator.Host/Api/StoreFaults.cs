using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Validator.Host.Storage;

namespace Validator.Host.Api;

/// <summary>
/// Data that a bad disk has damaged is served to nobody: the request ends with 500, or the stream breaks off where the damage
/// begins, and the log names it, once a second at most.
/// </summary>
internal sealed class StoreFaults(ILogger log)
{
    private const long LogMilliseconds = 1000;

    private long _nextLine;

    public async Task Guard(HttpContext context, RequestDelegate next)
    {
        try
        {
            await next(context).ConfigureAwait(false);
        }
        catch (StoreException e)
        {
            long now = Environment.TickCount64, due = Volatile.Read(ref _nextLine);
            if (now >= due && Interlocked.CompareExchange(ref _nextLine, now + LogMilliseconds, due) == due)
            {
                log.LogError("{Path} asks for what is damaged: {Fault}", context.Request.Path, e.Message);
            }

            if (context.Response.HasStarted)
            {
                context.Abort();
                return;
            }

            await Problem.WriteAsync(
                context, StatusCodes.Status500InternalServerError, "store-damaged", "The database is damaged here",
                "this validator's disk has lost what was asked for; its log tells the operator what to do, and other validators have it").ConfigureAwait(false);
        }
    }
}
