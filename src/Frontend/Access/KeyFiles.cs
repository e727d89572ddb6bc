namespace Evergrain.Frontend.Access;

/// <summary>The bytes of both key files at one moment, so that what is compared is what is parsed.</summary>
internal sealed class KeyFiles
{
    private readonly List<string> _mistakes = [];

    private KeyFiles(EvergrainOptions options)
    {
        Keys = Read(nameof(options.ApiKeysFile), options.ApiKeysFile);
        OperatorKeys = Read(nameof(options.OperatorKeysFile), options.OperatorKeysFile);
    }

    /// <summary>Of <see cref="EvergrainOptions.ApiKeysFile"/>; null: none is named, or it cannot be read.</summary>
    public byte[]? Keys { get; }

    /// <summary>Of <see cref="EvergrainOptions.OperatorKeysFile"/>; null as above.</summary>
    public byte[]? OperatorKeys { get; }

    /// <summary>A sentence for each file that cannot be read.</summary>
    public IReadOnlyList<string> Mistakes => _mistakes;

    /// <summary>Reads both files now.</summary>
    public static KeyFiles Read(EvergrainOptions options) => new(options);

    /// <summary>Whether nothing has changed since then.</summary>
    public bool IsSameAs(KeyFiles other) =>
        IsSame(Keys, other.Keys) && IsSame(OperatorKeys, other.OperatorKeys) &&
        _mistakes.SequenceEqual(other._mistakes, StringComparer.Ordinal);

    private static bool IsSame(byte[]? one, byte[]? other) => one is null == other is null &&
        one.AsSpan().SequenceEqual(other);

    private byte[]? Read(string setting, string? path)
    {
        try
        {
            return path is null ? null : File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            _mistakes.Add($"{setting}: '{path}' cannot be read: {e.Message}");
            return null;
        }
    }
}
