using System.Security.Cryptography;
using System.Text;
using Evergrain.Conversations.Context;

namespace Evergrain.Frontend.Access;

/// <summary>The keys that may enter, as SHA-256 and tenant. Immutable; a reload makes a new one.</summary>
internal sealed class ApiKeySet
{
    public const string DefaultTenant = "default";

    /// <summary>What operators' keys belong to. No tenant has such a name, and no conversation belongs to it.</summary>
    public const string Operator = "!operator";

    private const int TenantLengthMax = 64;

    private readonly KeyLine[] _keys;

    private ApiKeySet(KeyLine[] keys) => _keys = keys;

    /// <summary>Reads the keys of every source. Mistakes name the place, never the key.</summary>
    public static ApiKeySet Load(EvergrainOptions options, List<string> mistakes) =>
        Load(options, KeyFiles.Read(options), mistakes);

    /// <summary>Reads the keys of the settings, and of files that were read before.</summary>
    public static ApiKeySet Load(EvergrainOptions options, KeyFiles files, List<string> mistakes)
    {
        var keys = new List<KeyLine>();
        mistakes.AddRange(files.Mistakes);
        Add(options.ApiKeys, "API key", DefaultTenant);
        Add(Lines(files.Keys), $"{options.ApiKeysFile} line", DefaultTenant);
        Add(options.OperatorKeys, "operator key", Operator);
        Add(Lines(files.OperatorKeys), $"{options.OperatorKeysFile} line", Operator);
        return new ApiKeySet([.. keys]);

        void Add(IEnumerable<string> lines, string place, string tenant)
        {
            foreach (var (index, line) in lines.Index())
            {
                if (KeyLine.IsEmpty(line))
                {
                    continue;
                }

                var mistake = KeyLine.Parse(line, tenant, out var key) ??
                    (keys.Exists(other => other.Hash == key.Hash) ? "the key is given twice." : null);
                if (mistake is not null)
                {
                    mistakes.Add($"{place} {index + 1}: {mistake}");
                    continue;
                }

                keys.Add(key);
            }
        }
    }

    /// <summary>How many keys there are, of tenants or of operators.</summary>
    public int Count(bool ofOperators) => _keys.Count(key => key.Tenant == Operator == ofOperators);

    /// <summary>Compares with every key, whichever matches, so that the time says nothing about the keys.</summary>
    public string? FindTenant(ReadOnlySpan<byte> key)
    {
        Span<byte> hash = stackalloc byte[Digest.Size];
        SHA256.HashData(key, hash);
        string? tenant = null;
        foreach (ref readonly var known in _keys.AsSpan())
        {
            tenant = CryptographicOperations.FixedTimeEquals(known.Hash.AsSpan(), hash) ? known.Tenant : tenant;
        }

        return tenant;
    }

    /// <summary>The tenants whose keys are here and not there, one name for each key, in order.</summary>
    public IReadOnlyList<string> Except(ApiKeySet other) =>
        [.. _keys.Except(other._keys).Select(static key => key.Tenant).Order(StringComparer.Ordinal)];

    /// <summary>Whether a name can be a tenant's.</summary>
    public static bool IsTenant(string name) =>
        name.Length is > 0 and <= TenantLengthMax && name.All(IsTenantCharacter);

    private static IEnumerable<string> Lines(byte[]? file)
    {
        // A reader, since it takes the mark that editors write at a file's beginning.
        using var reader = new StreamReader(new MemoryStream(file ?? []), Encoding.UTF8);
        while (reader.ReadLine() is { } line)
        {
            yield return line;
        }
    }

    private static bool IsTenantCharacter(char c) => c is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '_' or '-';
}
