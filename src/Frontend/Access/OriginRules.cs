using Microsoft.AspNetCore.Cors.Infrastructure;

namespace Evergrain.Frontend.Access;

/// <summary>
/// Which origins' pages may use the server, from <see cref="EvergrainOptions.AllowedOrigins"/>: one list for CORS and
/// for WebSockets, which no browser checks by itself.
/// </summary>
internal sealed class OriginRules
{
    private const string AnyOrigin = "*";

    // A page that makes a turn a second asks once in ten minutes; browsers keep an answer for at most two hours.
    private static readonly TimeSpan PreflightAge = TimeSpan.FromMinutes(10);

    private readonly HashSet<string> _allowed;

    public OriginRules(EvergrainOptions options) =>
        _allowed = new HashSet<string>(options.AllowedOrigins, StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether the setting names none: then there is no CORS.</summary>
    public bool IsEmpty => _allowed.Count == 0;

    /// <summary>Whether a page of this origin may use the server.</summary>
    public bool Allows(string origin) => _allowed.Contains(AnyOrigin) || _allowed.Contains(origin);

    /// <summary>What CORS answers. Never with credentials: a page sends its key, no browser keeps it.</summary>
    public CorsPolicy ToPolicy()
    {
        var policy = new CorsPolicyBuilder()
            .WithMethods("GET", "POST", "DELETE")
            .AllowAnyHeader()
            .WithExposedHeaders("x-request-id", "retry-after", "Server-Timing")
            .SetPreflightMaxAge(PreflightAge);

        // The predicate, not the list: then each answer to a page has 'Vary: Origin', which caches need.
        return (_allowed.Contains(AnyOrigin) ? policy.AllowAnyOrigin() : policy.SetIsOriginAllowed(Allows)).Build();
    }

    /// <summary>What is wrong with the setting, a sentence each.</summary>
    public static IEnumerable<string> FindMistakes(EvergrainOptions options)
    {
        foreach (var origin in options.AllowedOrigins)
        {
            if (FindMistake(origin, options.HasKeys) is { } mistake)
            {
                yield return $"AllowedOrigins: '{origin}' {mistake}";
            }
        }
    }

    private static string? FindMistake(string origin, bool hasKeys)
    {
        if (origin == AnyOrigin)
        {
            return hasKeys ? null : "needs API keys, or every web page could use the server; give --api-key.";
        }

        if (origin.Equals("null", StringComparison.OrdinalIgnoreCase))
        {
            return "is what pages without an origin send, whoever made them; serve the page from an origin.";
        }

        if (origin.Contains('*', StringComparison.Ordinal))
        {
            return "is a pattern; name each origin, or '*' alone for all.";
        }

        if (!Uri.TryCreate(origin, UriKind.Absolute, out var uri) || uri.Host.Length == 0)
        {
            return "is no origin; write scheme://host or scheme://host:port.";
        }

        // A browser sends this form; another one would never be equal to it.
        var host = uri.HostNameType == UriHostNameType.IPv6 ? uri.Host : uri.IdnHost;
        var sent = $"{uri.Scheme}://{host}{(uri.IsDefaultPort ? "" : $":{uri.Port}")}";
        return origin.Equals(sent, StringComparison.OrdinalIgnoreCase)
            ? null
            : $"is more or other than an origin; write '{sent}'.";
    }
}
