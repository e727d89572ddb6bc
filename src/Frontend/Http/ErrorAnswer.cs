using System.Globalization;
using Evergrain.Conversations.Wire;
using Microsoft.AspNetCore.Http;

namespace Evergrain.Frontend.Http;

/// <summary>An error as HTTP answers it: status, body, and what it tells a client about trying again.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Body"><c>{"error":{…}}</c>.</param>
internal readonly record struct ErrorAnswer(int Status, ReadOnlyMemory<byte> Body)
{
    private const string RetryAfterMilliseconds = "retry-after-ms";
    private const string ShouldRetry = "x-should-retry";
    private static readonly TimeSpan RetryAfterDefault = TimeSpan.FromSeconds(1);

    /// <summary>When to try again; null: the client may choose, or, for 429 and 503, in a second.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Whether trying again is of no use although the status suggests it.</summary>
    public bool IsFinal { get; init; }

    private bool IsBusy =>
        Status is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable;

    private bool IsWorthRetrying => !IsFinal && (IsBusy || Status >= StatusCodes.Status500InternalServerError);

    public Task WriteAsync(HttpContext context)
    {
        var headers = context.Response.Headers;
        context.Response.StatusCode = Status;
        headers[ShouldRetry] = IsWorthRetrying ? "true" : "false";
        if ((RetryAfter ?? (IsBusy ? RetryAfterDefault : null)) is { } delay)
        {
            // The header counts whole seconds; the SDKs of OpenAI read milliseconds before it.
            headers.RetryAfter = ErrorWriter.SecondsOf(delay).ToString(CultureInfo.InvariantCulture);
            headers[RetryAfterMilliseconds] =
                ((long)Math.Ceiling(delay.TotalMilliseconds)).ToString(CultureInfo.InvariantCulture);
        }

        return context.WriteJsonAsync(Body);
    }
}
