using Evergrain.Frontend.Admission;
using Evergrain.Frontend.Listening;

namespace Evergrain.Frontend.Tests.Listening;

/// <summary>How the bounds on connections and turns fit into the files that a process may have open.</summary>
public sealed class FileBoundsTests
{
    private const int Default = 10_000;

    [Theory]
    [InlineData(1024, 384, 128, 128)]
    [InlineData(20_000, 10_000, 3923, 5693)]
    [InlineData(64, 20, 6, 6)]
    [InlineData(4, 1, 1, 1)]
    public void Bounds_ThatDoNotFit_AreLowered(long files, int sockets, int http, int turns)
    {
        var bounds = new FileBounds(files, Default, new AdmissionOptions());
        var lowered = new AdmissionOptions();
        bounds.Lower(lowered);

        Assert.Equal((sockets, http, turns),
            (lowered.ConnectionsMax, bounds.HttpConnectionsMax, lowered.RunningTurnsMax));
        Assert.Equal($"This process may have {files} files open (ulimit -n), so ConnectionsMax is {sockets}, " +
            $"HttpConnectionsMax {http} and RunningTurnsMax {turns}.", bounds.Notice);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(30_384L)]
    public void Bounds_ThatFit_StayAsTheyWereSet(long? files)
    {
        var bounds = new FileBounds(files, Default, new AdmissionOptions());
        var kept = new AdmissionOptions();
        bounds.Lower(kept);

        Assert.Equal((Default, Default, Default),
            (kept.ConnectionsMax, bounds.HttpConnectionsMax, kept.RunningTurnsMax));
        Assert.Null(bounds.Notice);
    }

    [Fact]
    public void Bounds_RaisedWhileTheServerRuns_StillFit()
    {
        var bounds = new FileBounds(1024, 100, new AdmissionOptions { ConnectionsMax = 10, RunningTurnsMax = 10 });
        var raised = new AdmissionOptions { ConnectionsMax = 5000, RunningTurnsMax = 5000 };
        bounds.Lower(raised);

        Assert.Null(bounds.Notice);
        Assert.Equal(1024 - 384, bounds.HttpConnectionsMax + raised.ConnectionsMax + raised.RunningTurnsMax);
    }

    [Theory]
    [InlineData("Max open files            1024                 524288               files     ", 1024L)]
    [InlineData("Max open files            unlimited            unlimited            files     ", null)]
    [InlineData("Max processes             100                  100                  processes ", null)]
    public void Limit_OfTheProcess_IsReadFromItsRow(string row, long? max) =>
        Assert.Equal(max, OpenFiles.MaxOf(["Limit                     Soft Limit           Hard Limit", row]));
}
