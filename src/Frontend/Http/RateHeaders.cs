using System.Globalization;
using Evergrain.Frontend.Access;
using Evergrain.Frontend.Admission;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Evergrain.Frontend.Http;

/// <summary>Tells a client where its tenant stands with the bounds per minute, in the answer to a create.</summary>
/// <remarks>Source: OpenAI's guide on rate limits: <c>x-ratelimit-…</c>, with durations as <c>6m0s</c>.</remarks>
internal sealed class RateHeaders(RateGate rates)
{
    /// <summary>Adds the headers when the answer begins.</summary>
    public void Announce(HttpContext context)
    {
        var tenant = context.Features.GetRequiredFeature<Caller>().Tenant;
        context.Response.OnStarting(() =>
        {
            var (turns, tokens) = rates.StandingOf(tenant);
            Add(context.Response.Headers, "requests", turns);
            Add(context.Response.Headers, "tokens", tokens);
            return Task.CompletedTask;
        });
    }

    /// <summary>A duration as those headers write it: <c>120ms</c>, <c>1.5s</c>, <c>6m0s</c>.</summary>
    internal static string Write(TimeSpan time) => time switch
    {
        { TotalSeconds: < 1 } => FormattableString.Invariant($"{Math.Ceiling(time.TotalMilliseconds)}ms"),
        { TotalMinutes: < 1 } => FormattableString.Invariant($"{time.TotalSeconds:0.###}s"),
        _ => FormattableString.Invariant($"{(long)time.TotalMinutes}m{time.Seconds}s"),
    };

    private static void Add(IHeaderDictionary headers, string of, RateStanding? standing)
    {
        if (standing is { } at)
        {
            headers[$"x-ratelimit-limit-{of}"] = at.Max.ToString(CultureInfo.InvariantCulture);
            headers[$"x-ratelimit-remaining-{of}"] = at.Left.ToString(CultureInfo.InvariantCulture);
            headers[$"x-ratelimit-reset-{of}"] = Write(at.Reset);
        }
    }
}
