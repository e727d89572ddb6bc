namespace Evergrain.Providers.Dialects;

/// <summary>Which dialect a server is spoken to in, and why.</summary>
/// <param name="Dialect">The dialect.</param>
/// <param name="Reason">Why, as the end of a sentence.</param>
/// <param name="IsKnown">Whether that is settled; else the server itself is still to be asked.</param>
internal sealed record DialectChoice(Dialect Dialect, string Reason, bool IsKnown)
{
    /// <summary>What settings and hosts say, before a server was asked.</summary>
    public static DialectChoice Of(string? setting, IEnumerable<string> urls)
    {
        if (setting is not null && KnownDialects.Find(setting) is { } set)
        {
            return new DialectChoice(set, "its settings say so", IsKnown: true);
        }

        return DialectHosts.Find(urls.FirstOrDefault() ?? "") is { } host
            ? new DialectChoice(KnownDialects.Find(host)!, "its host is known", IsKnown: true)
            : new DialectChoice(KnownDialects.Plain, "the server has not answered yet", IsKnown: false);
    }
}
