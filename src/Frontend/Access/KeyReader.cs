using System.Buffers.Text;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Evergrain.Frontend.Access;

/// <summary>
/// Finds the key of a request: a Bearer header, or for browsers the subprotocol <c>evergrain.key.&lt;base64url&gt;</c>.
/// </summary>
internal static class KeyReader
{
    /// <summary>The longest key, in characters; both ways carry one of this length.</summary>
    public const int KeyCharsMax = 4096;

    private const string KeyProtocol = "evergrain.key.";
    private const string Bearer = "Bearer ";

    /// <summary>The offered subprotocol that carries a key, or null.</summary>
    public static string? FindProtocol(HttpContext context)
    {
        foreach (var offered in context.WebSockets.WebSocketRequestedProtocols)
        {
            if (offered.StartsWith(KeyProtocol, StringComparison.Ordinal))
            {
                return offered;
            }
        }

        return null;
    }

    /// <summary>The key's bytes; null: there is none that can be read.</summary>
    public static byte[]? Read(HttpContext context, string? subprotocol)
    {
        var header = context.Request.Headers.Authorization.ToString();
        if (header.Length <= Bearer.Length + KeyCharsMax &&
            header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            return Encoding.UTF8.GetBytes(header[Bearer.Length..].Trim());
        }

        var encoded = subprotocol is null ? [] : subprotocol.AsSpan(KeyProtocol.Length);
        return encoded.Length > 0 && encoded.Length <= Base64Url.GetEncodedLength(KeyCharsMax) &&
            Base64Url.IsValid(encoded)
                ? Base64Url.DecodeFromChars(encoded)
                : null;
    }

    /// <summary>What a caller without a readable key is told.</summary>
    public static string Missing(HttpContext context, string? subprotocol)
    {
        const string none = "No API key was given: send 'Authorization: Bearer KEY'";
        return subprotocol is not null ? $"What follows '{KeyProtocol}' in the subprotocol is not a key in base64url."
            : context.WebSockets.IsWebSocketRequest
                ? $"{none}, or from a web page the subprotocol '{KeyProtocol}KEY' with the key in base64url."
                : $"{none}.";
    }
}
