namespace Evergrain.Providers.Tests.Responses;

/// <summary>
/// Streams of whole answers, as servers send them, and what each must be decoded to. A file in <c>Streams</c> has the
/// events, one a line, then <c>=&gt;</c>, then the model events.
/// </summary>
public sealed class RecordedStreamTests
{
    public static IEnumerable<string> Names =>
        Directory.GetFiles(Folder).Select(static path => Path.GetFileNameWithoutExtension(path)).Order();

    public static TheoryData<string> Streams => [.. Names];

    private static string Folder => Path.Combine(AppContext.BaseDirectory, "Streams");

    [Theory]
    [MemberData(nameof(Streams))]
    public void Stream_AsRecorded_GivesTheseEvents(string name)
    {
        var halves = Read(name);
        Assert.Equal(halves[1].Trim(), Transcript.Of(halves[0]));
    }

    [Fact]
    public void Streams_AreThere() => Assert.True(Names.Count() >= 10);

    /// <summary>A recorded stream's events, and the lines they are decoded to.</summary>
    public static string[] Read(string name) =>
        File.ReadAllText(Path.Combine(Folder, name + ".txt")).ReplaceLineEndings("\n").Split("\n=>\n");
}
