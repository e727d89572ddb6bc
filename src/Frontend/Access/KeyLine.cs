using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using Evergrain.Conversations.Context;

namespace Evergrain.Frontend.Access;

/// <summary>One key as it is written: <c>KEY[=tenant]</c> or <c>sha256:HEX[=tenant]</c>.</summary>
/// <param name="Hash">The key's SHA-256.</param>
/// <param name="Tenant">The tenant that it belongs to.</param>
internal readonly record struct KeyLine(Digest Hash, string Tenant)
{
    private const string HashPrefix = "sha256:";

    // Quotes stand around a key by mistake, and a comma divides the values of a header.
    private static readonly SearchValues<char> NotOfKeys = SearchValues.Create("\"',");

    /// <summary>Whether a line holds no key: it is empty, or a comment.</summary>
    public static bool IsEmpty(string line) => line.AsSpan().Trim() is [] or ['#', ..];

    /// <summary>Reads a line.</summary>
    /// <param name="line">The line.</param>
    /// <param name="tenant">Whose the key is if the line does not say; operators' keys belong to no other.</param>
    /// <param name="key">The key.</param>
    /// <returns>What is wrong, without the key's text; null: nothing.</returns>
    public static string? Parse(string line, string tenant, out KeyLine key)
    {
        key = default;
        var text = line.AsSpan().Trim();
        var divider = text.LastIndexOf('=');
        var owner = divider < 0 ? tenant : text[(divider + 1)..].ToString();
        if (tenant == ApiKeySet.Operator && owner != tenant)
        {
            return "an operator's key belongs to no tenant; behind the last '=' stands " +
                $"{ApiKeySet.Operator} or nothing.";
        }

        if (tenant != ApiKeySet.Operator && !ApiKeySet.IsTenant(owner))
        {
            return "the tenant behind the last '=' must be 1 to 64 characters of [a-z0-9_-].";
        }

        var secret = divider < 0 ? text : text[..divider];
        if (FindMistake(secret) is { } mistake)
        {
            return mistake;
        }

        Span<byte> hash = stackalloc byte[Digest.Size];
        if (!secret.StartsWith(HashPrefix, StringComparison.OrdinalIgnoreCase))
        {
            SHA256.HashData(Encoding.ASCII.GetBytes(secret.ToString()), hash);
        }
        else if (secret.Length != HashPrefix.Length + (2 * Digest.Size) ||
            Convert.FromHexString(secret[HashPrefix.Length..], hash, out _, out _) != OperationStatus.Done)
        {
            return "sha256: must be followed by 64 hexadecimal characters.";
        }

        key = new KeyLine(Digest.From(hash), owner);
        return null;
    }

    /// <summary>Why no request can bring such a key.</summary>
    private static string? FindMistake(ReadOnlySpan<char> secret)
    {
        if (secret.IsEmpty || secret.ContainsAnyExceptInRange('!', '~'))
        {
            return "the key must be printable ASCII without spaces.";
        }

        if (secret.ContainsAny(NotOfKeys))
        {
            return "the key must hold neither quotes nor commas; write it without quotes around it.";
        }

        return secret.Length > KeyReader.KeyCharsMax
            ? $"the key is longer than {KeyReader.KeyCharsMax} characters, and no request can bring it."
            : null;
    }
}
