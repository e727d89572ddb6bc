using FsCheck;
using FsCheck.Fluent;

namespace Evergrain.Conversations.Tests.Items;

/// <summary>A JSON value, apart from how it is spelled.</summary>
internal abstract record Json
{
    /// <summary>Characters that are escaped, sorted or encoded in their own ways; unpaired surrogates too.</summary>
    private static readonly string[] Texts =
    [
        "a", "b", "Z", "0", " ", "/", "\"", "\\", "\n", "\b", "\u0001", "\u001f", "\u007f", "é", "\u2028", "\ud7ff",
        "\ue000", "\ufeff", "\uffff", "😀", "\U0010ffff", "\ud83d", "\ude00",
    ];

    public static Gen<string> AnyText { get; } =
        Gen.Elements(Texts).ListOf().Resize(6).Select(string.Concat);

    public static Gen<JsonNumber> Number { get; } =
        from digits in Gen.Choose(0, 999_999_999)
        from more in Gen.Elements("", "7", "123456", "123456789")
        from power in Gen.OneOf(Gen.Choose(-25, 25), Gen.Choose(-320, 320))
        from negative in Gen.Elements("", "-")
        select new JsonNumber(negative, digits + more, power);

    public static Gen<Json> Any { get; } = Gen.Sized(size => Sized(Math.Min(size / 10, 4)));

    /// <summary>An item of a type that has no defaults, so that each of its members counts.</summary>
    public static Gen<Json> UnknownItem { get; } =
        from members in Members(Any)
        select (Json)new JsonObject(
            [.. members.Where(m => m.Name != "type"), ("type", new JsonString("evergrain:test"))]);

    private static Gen<Json> Sized(int depth)
    {
        var scalar = Gen.OneOf(
            AnyText.Select(text => (Json)new JsonString(text)),
            Gen.Elements("true", "false", "null").Select(word => (Json)new JsonWord(word)),
            Number.Select(number => (Json)number));
        if (depth == 0)
        {
            return scalar;
        }

        var inner = Sized(depth - 1);
        return Gen.OneOf(
            scalar,
            inner.ListOf().Resize(4).Select(list => (Json)new JsonArray([.. list])),
            Members(inner).Select(members => (Json)new JsonObject(members)));
    }

    private static Gen<(string Name, Json Value)[]> Members(Gen<Json> value) =>
        from members in Gen.Zip(AnyText, value).ListOf().Resize(5)
        select members.Select(m => (m.Item1, m.Item2)).DistinctBy(m => m.Item1, StringComparer.Ordinal).ToArray();
}

internal sealed record JsonString(string Text) : Json;

/// <summary>true, false or null.</summary>
internal sealed record JsonWord(string Word) : Json;

/// <summary>The integer <paramref name="Digits"/> times ten to <paramref name="Power"/>.</summary>
internal sealed record JsonNumber(string Sign, string Digits, int Power) : Json
{
    /// <summary>Whether it keeps the characters it came with.</summary>
    public bool KeepsSpelling
    {
        get
        {
            var significant = Digits.Trim('0');
            var first = Power + Digits.TrimStart('0').Length - 1;
            return significant.Length > 15
                || (significant.Length > 0 && (first < -300 || first > 300 || (first == 300 && significant != "1")));
        }
    }
}

internal sealed record JsonArray(Json[] Elements) : Json;

internal sealed record JsonObject((string Name, Json Value)[] Members) : Json;
