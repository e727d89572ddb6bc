using System.Security.Cryptography;
using System.Text;
using Evergrain.Conversations.Context;

namespace Evergrain.Frontend.Access;

/// <summary>The keys that may enter, as SHA-256 and tenant. Immutable; a reload makes a new one.</summary>
internal sealed class ApiKeySet
{
    public const string DefaultTenant = "default";

    private const string HashPrefix = "sha256:";
    private const int TenantLengthMax = 64;

    private readonly Entry[] _entries;

    private ApiKeySet(Entry[] entries) => _entries = entries;

    public int Count => _entries.Length;

    /// <summary>Reads the keys of both sources. Mistakes name the place, never the key.</summary>
    public static ApiKeySet Load(EvergrainOptions options, List<string> mistakes)
    {
        var entries = new List<Entry>();
        Parse(options.ApiKeys, "API key", entries, mistakes);
        if (options.ApiKeysFile is { } path)
        {
            ParseFile(path, entries, mistakes);
        }

        return new ApiKeySet([.. entries]);
    }

    /// <summary>Compares with every entry, whichever matches, so that the time says nothing about the keys.</summary>
    public string? FindTenant(ReadOnlySpan<byte> key)
    {
        Span<byte> hash = stackalloc byte[Digest.Size];
        SHA256.HashData(key, hash);
        string? tenant = null;
        foreach (ref readonly var entry in _entries.AsSpan())
        {
            tenant = CryptographicOperations.FixedTimeEquals(entry.Hash.AsSpan(), hash) ? entry.Tenant : tenant;
        }

        return tenant;
    }

    /// <summary>Whether a name can be a tenant's.</summary>
    public static bool IsTenant(string name) =>
        name.Length is > 0 and <= TenantLengthMax && name.All(IsTenantCharacter);

    private static void ParseFile(string path, List<Entry> entries, List<string> mistakes)
    {
        try
        {
            var before = entries.Count;
            var found = mistakes.Count;
            Parse(File.ReadAllLines(path), $"{path} line", entries, mistakes);
            if (entries.Count == before && mistakes.Count == found)
            {
                mistakes.Add($"ApiKeysFile: {path} holds no key.");
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            mistakes.Add($"ApiKeysFile: {path} cannot be read: {e.Message}");
        }
    }

    private static void Parse(IEnumerable<string> lines, string place, List<Entry> entries, List<string> mistakes)
    {
        var number = 0;
        foreach (var line in lines)
        {
            number++;
            var text = line.Trim();
            if (text.Length == 0 || text[0] == '#')
            {
                continue;
            }

            if (ParseEntry(text, out var entry) is { } mistake)
            {
                mistakes.Add($"{place} {number}: {mistake}");
            }
            else if (entries.Exists(other => other.Hash == entry.Hash))
            {
                mistakes.Add($"{place} {number}: the key is given twice.");
            }
            else
            {
                entries.Add(entry);
            }
        }
    }

    private static string? ParseEntry(string text, out Entry entry)
    {
        entry = default;
        var divider = text.LastIndexOf('=');
        var key = divider < 0 ? text : text[..divider];
        var tenant = divider < 0 ? DefaultTenant : text[(divider + 1)..];
        if (!IsTenant(tenant))
        {
            return "the tenant behind the last '=' must be 1 to 64 characters of [a-z0-9_-].";
        }

        if (key.Length == 0 || !key.All(static c => c is > ' ' and < '\x7f'))
        {
            return "the key must be printable ASCII without spaces.";
        }

        if (!key.StartsWith(HashPrefix, StringComparison.Ordinal))
        {
            entry = new Entry(Digest.From(SHA256.HashData(Encoding.ASCII.GetBytes(key))), tenant);
            return null;
        }

        Span<byte> hash = stackalloc byte[Digest.Size];
        var hex = key.AsSpan(HashPrefix.Length);
        if (hex.Length != 2 * Digest.Size ||
            Convert.FromHexString(hex, hash, out _, out _) != System.Buffers.OperationStatus.Done)
        {
            return "sha256: must be followed by 64 hexadecimal characters.";
        }

        entry = new Entry(Digest.From(hash), tenant);
        return null;
    }

    private static bool IsTenantCharacter(char c) => c is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '_' or '-';

    private readonly record struct Entry(Digest Hash, string Tenant);
}
