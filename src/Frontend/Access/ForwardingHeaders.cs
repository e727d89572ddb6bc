using Microsoft.AspNetCore.Http;

namespace Evergrain.Frontend.Access;

/// <summary>
/// Headers by which a proxy says that it passes a request on. A request with one comes from another machine, whatever
/// its address and its Host say. A proxy that sends none cannot be recognised.
/// </summary>
internal static class ForwardingHeaders
{
    // Of a name that is shown in a message.
    private const int NameCharsMax = 64;

    private static readonly HashSet<string> Names =
        new(["Forwarded", "Via", "CDN-Loop", "X-Varnish"], StringComparer.OrdinalIgnoreCase);

    private static readonly string[] Beginnings =
        ["X-Forwarded", "X-Original-", "X-Envoy-", "X-Proxy", "X-ARR-", "X-Azure-", "CF-"];

    // X-Real-IP, X-Client-IP, True-Client-IP, Fastly-Client-IP, X-Cluster-Client-IP and others.
    private static readonly string[] Ends = ["-IP", "ClientIP"];

    /// <summary>The name of the first such header; null: there is none.</summary>
    public static string? Find(IHeaderDictionary headers)
    {
        foreach (var (name, _) in headers)
        {
            if (IsForwarding(name))
            {
                return name.Length <= NameCharsMax ? name : $"{name[..NameCharsMax]}…";
            }
        }

        return null;
    }

    private static bool IsForwarding(string name) => Names.Contains(name) ||
        Array.Exists(Beginnings, text => name.StartsWith(text, StringComparison.OrdinalIgnoreCase)) ||
        Array.Exists(Ends, text => name.EndsWith(text, StringComparison.OrdinalIgnoreCase));
}
