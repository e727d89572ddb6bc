using System.Text.Json;

namespace Evergrain.Conversations.Tests.Items;

/// <summary>The published vectors, docs/digest.json.</summary>
public sealed record DigestVectors(
    int Version, string Root, ItemVector[] Items, ChainVector[] Chains, RefusedVector[] Refused)
{
    private static readonly JsonSerializerOptions Names = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectRequiredConstructorParameters = false,
    };

    public static DigestVectors Published { get; } = JsonSerializer.Deserialize<DigestVectors>(
        File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "docs", "digest.json")), Names)!;
}

/// <summary>One item, its canonical JSON, and the digest after it alone.</summary>
public sealed record ItemVector(string Name, string Item, string Canonical, string Digest);

/// <summary>Items in order, and the digest after each.</summary>
public sealed record ChainVector(string Name, string[] Items, string[] Digests);

/// <summary>An item without a canonical form; the path of what it repeats, if it repeats something.</summary>
public sealed record RefusedVector(string Name, string Item, string? Param);
